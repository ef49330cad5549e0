// The page's sentences: figures in, words for everybody out.

const NOISE_WORDS = [
  [0.16, "very strong"],
  [0.08, "strong"],
  [0.04, "clearly visible"],
  [0.01, "a little"],
  [-Infinity, "hardly any"],
];

/**
 * What the network did to the noise.
 *
 * Noise is measured by the mean squared error, which a gain of g dB divides by 10^(g/10).
 */
export function gainInWords({ noisy, reconstructed }) {
  if (noisy.mse === 0) return "No noise was added; what changed is what the network took for noise.";
  const gain = reconstructed.psnr - noisy.psnr;
  const shown = `${gain < 0 ? "−" : "+"}${Math.abs(gain).toFixed(1)} dB`;
  if (reconstructed.mse === 0) return `${shown}: no noise is left.`;
  const times = 10 ** (Math.abs(gain) / 10);
  if (Math.abs(gain) < 0.05) return "0.0 dB: as much noise as before.";
  if (times < 1.05) return `${shown}: hardly any difference.`;
  if (gain < 0) return `${shown}: ${times.toFixed(1)} times more error than in the noisy picture.`;
  return `${shown}: ${times.toFixed(1)} times less noise.`;
}

/** How much noise a picture had, what a factor makes of it, and which network removed it. */
export function restoredInWords({ sigma, network }, strength, factor) {
  const [, words] = NOISE_WORDS.find(([least]) => sigma >= least);
  const estimate = `Estimated noise level: σ ≈ ${sigma.toFixed(3)} (${(255 * sigma).toFixed(1)} of 255), ${words}.`;
  if (strength === 0 || factor === 0) return `${estimate} Nothing is removed.`;
  const by = `Restored by the ${network}.`;
  if (factor === 1) return `${estimate} ${by}`;
  const kept = factor < 1 ? "more grain stays" : "the picture becomes smoother";
  return `${estimate} Removed as if it were σ ≈ ${(factor * sigma).toFixed(3)} (${factor} times the estimate), so ${kept}. ${by}`;
}

/** A length of time, roughly. */
export function timeInWords(seconds) {
  if (seconds < 60) return `about ${Math.max(1, Math.round(seconds))} s`;
  const minutes = Math.round(seconds / 30) / 2;
  return `about ${minutes} ${minutes === 1 ? "minute" : "minutes"}`;
}
