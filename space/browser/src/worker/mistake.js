/** Something that the visitor can act on; its message is one sentence for them. */
export class Mistake extends Error {}
