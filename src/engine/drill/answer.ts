/** HAProxy's own answers where it finds no server. */
const NO_SERVER = [502, 503, 504];

/** What is wrong with the whole answer to an HTTP request; null: nothing. `wanted`: the only status that is right. */
export function problemWith(answer: Buffer, wanted: number | null): string | null {
  if (answer.length === 0) return 'closed without an answer';
  const end = answer.indexOf('\r\n\r\n');
  const head = (end < 0 ? answer : answer.subarray(0, end)).toString('latin1');
  const status = Number(/^HTTP\/\d(?:\.\d)? (\d{3})/.exec(head)?.[1] ?? Number.NaN);
  if (end < 0 || Number.isNaN(status)) return 'answer cut off';
  const length = /^content-length: *(\d+)\r?$/im.exec(head)?.[1];
  if (length !== undefined && Number(length) > answer.length - end - 4) return 'answer cut off';
  const right = wanted === null ? !NO_SERVER.includes(status) : status === wanted;
  return right ? null : `status ${status}`;
}

export function requestOf(aim: { readonly path: string; readonly hostHeader: string }): string {
  return `GET ${aim.path} HTTP/1.1\r\nHost: ${aim.hostHeader}\r\nUser-Agent: lbctl-drill\r\nConnection: close\r\n\r\n`;
}
