import { oneLine } from './sanitize.js';

/** HTML as it stands; made by `html` only. */
export class Html {
  constructor(readonly text: string) {}
}

type HtmlValue = string | number | Html | null | readonly (Html | null)[];

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** For text and for quoted attributes, of HTML and of XML alike; control characters are shown as in a terminal. */
export function escapeText(text: string): string {
  return oneLine(text).replace(/[&<>"']/g, (character) => ENTITIES[character] ?? '');
}

/** HTML as it is written here, in which every interpolated value is escaped but what is `Html` itself; null is nothing. */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  const parts = strings.map(
    (written, index) => written + (index < values.length ? show(values[index] ?? null) : ''),
  );
  return new Html(parts.join(''));
}

function show(value: HtmlValue): string {
  if (value === null) return '';
  if (value instanceof Html) return value.text;
  if (typeof value === 'string') return escapeText(value);
  if (typeof value === 'number') return String(value);
  return value.map(show).join('');
}
