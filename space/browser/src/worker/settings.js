// The numbers that this page shares with the Python package, which writes them into content.json.

export const settings = {};
