// The network for a picture by its noise, "gray" or "colour", as choose_network.py decides it.

const BLOCK = 8; // pixels a side

/**
 * Which network removes more of a picture's noise.
 *
 * `picture` has 8 bits a channel: 1 or 2 channels are gray, 3 or 4 colour; the last of 2 or 4 is
 * alpha and not read. `visible`, where there is one, has a 1 for each pixel that is seen. `rule` is
 * RULE of choose_network.py, which says why. All sums are whole numbers below 2^53.
 */
export function chooseNetwork(picture, rule) {
  const blocks = usefulBlocks(picture, rule);
  if (!blocks.length) return "colour";
  const quietest = (name) => {
    const energies = Float64Array.from(blocks, (block) => block[name]).sort();
    const last = energies.length - 1;
    return energies[Math.min(last, Math.max(Math.floor(last / rule.quiet), rule.least - 1))];
  };
  const mostFine = quietest("fine");
  const quiet = blocks.filter((block) => block.fine <= mostFine);
  const total = (name) => quiet.reduce((sum, block) => sum + block[name], 0);
  const [fine, coarse] = [total("fine"), total("coarse")];
  const strong = fine >= 36 * rule.weakest ** 2 * (BLOCK / 2) ** 2 * quiet.length;
  const white = coarse < rule.white * fine;
  const shared = strong && quietest("between") / mostFine < fine / coarse;
  return shared && white ? "gray" : "colour";
}

/** The energies of the blocks that tell something about noise. */
function usefulBlocks(picture, rule) {
  const [rows, columns] = [picture.height, picture.width].map((side) => Math.floor(side / BLOCK));
  const step = Math.max(1, Math.ceil((rows * columns) / rule.most));
  const channels = [0, 1, 2].map(() => new Int32Array(BLOCK * BLOCK));
  const [red, green, blue] = channels;
  const blocks = [];
  for (let row = 0; row < rows; row += step)
    for (let column = 0; column < columns; column += 1) {
      if (!readBlock(picture, row * BLOCK, column * BLOCK, channels, rule)) continue;
      const fine = energy((i) => red[i] + green[i] + blue[i], 1);
      const between = energy((i) => red[i] - green[i], 1) + energy((i) => blue[i] - green[i], 1);
      if (fine + between === 0) continue; // drawn areas hold no noise
      blocks.push({ fine, coarse: energy((i) => red[i] + green[i] + blue[i], 2), between });
    }
  return blocks;
}

/** Read a block's channels; false where a pixel is hidden or the block is clipped. */
function readBlock({ width, channels, data, visible }, top, left, read, rule) {
  let light = 0;
  for (let y = 0, i = 0; y < BLOCK; y += 1)
    for (let x = 0; x < BLOCK; x += 1, i += 1) {
      const at = (top + y) * width + left + x;
      if (visible && !visible[at]) return false;
      for (let channel = 0; channel < 3; channel += 1) {
        const value = data[at * channels + (channels < 3 ? 0 : channel)];
        read[channel][i] = value;
        light += value;
      }
    }
  const [least, most] = [rule.darkest, rule.brightest].map((mean) => 3 * mean * BLOCK * BLOCK);
  return least <= light && light <= most;
}

/**
 * The sum over a block of squared differences a − b − c + d of 2×2 neighbours a b / c d: pixels, or
 * sums of 2×2 pixels where `side` is 2.
 */
function energy(value, side) {
  let sum = 0;
  for (let y = 0; y < BLOCK; y += 2 * side)
    for (let x = 0; x < BLOCK; x += 2 * side) {
      let difference = 0;
      for (let j = 0; j < 2 * side; j += 1)
        for (let i = 0; i < 2 * side; i += 1) {
          const one = value((y + j) * BLOCK + x + i);
          difference += i < side === j < side ? one : -one;
        }
      sum += difference * difference;
    }
  return sum;
}
