// The page's sentences: figures in, words for everybody out.

const NOISE_WORDS = [
  [0.16, "very strong"],
  [0.08, "strong"],
  [0.04, "clearly visible"],
  [0.01, "a little"],
  [-Infinity, "hardly any"],
];

/** What the network did to the noise: a gain of g dB divides the mean squared error by 10^(g/10). */
export function gainInWords({ noisy, reconstructed }) {
  if (noisy.mse === 0) return "No noise was added; what changed is what the network took for noise.";
  const gain = reconstructed.psnr - noisy.psnr;
  const times = 10 ** (Math.abs(gain) / 10);
  if (Math.abs(gain) < 0.05)
    return "0.0 dB: the restored picture is as far from the original as the noisy one.";
  if (gain < 0)
    return (
      `−${(-gain).toFixed(1)} dB: the restored picture is further from the original than the ` +
      `noisy one, its error ${(100 * (times - 1)).toFixed(0)} % larger.`
    );
  const gone = (100 * (1 - 1 / times)).toFixed(0);
  const left = times >= 1.5 ? `, ${times.toFixed(1)} times less than before` : "";
  return `+${gain.toFixed(1)} dB: ${gone} % of the error that the noise made is gone${left}.`;
}

/** What an estimated noise level means. */
export function noiseInWords(level) {
  const [, words] = NOISE_WORDS.find(([least]) => level >= least);
  return `Estimated noise level: σ ≈ ${level.toFixed(3)}, ${words}.`;
}

/** A length of time, roughly. */
export function timeInWords(seconds) {
  if (seconds < 60) return `about ${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 30) / 2;
  return `about ${minutes} ${minutes === 1 ? "minute" : "minutes"}`;
}
