// Errors that a visitor can act on.

/** Its message is one sentence for the visitor. */
export class Mistake extends Error {}

/** Whether an error, of the browser or of the runtime, says that memory ran out. */
export const saysOutOfMemory = (error) =>
  /allocat|array length|out of memory|bad_alloc/i.test(error?.message ?? String(error));

/** Return what a decoder returns, or throw a sentence in the place of its error. */
export function intact(decoder) {
  try {
    return decoder();
  } catch (error) {
    if (error instanceof Mistake || saysOutOfMemory(error)) throw error;
    throw new Mistake("The file is damaged or cut short; please choose it again or save it as a new PNG.");
  }
}
