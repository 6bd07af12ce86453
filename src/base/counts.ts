/**
 * A text in which numbers that stand by themselves are 0: what is counted or measured differs from one time to the next. Those
 * in names and addresses (VI_1, 10.0.0.100, port 127.0.0.1:80) say what it is about, and stay.
 */
export function withoutCounts(text: string): string {
  return text.replace(/(?<![\w.:/-])\d+(?![\w:/-]|\.\w)/g, '0');
}
