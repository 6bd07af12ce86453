import { diagnosticLines } from './diagnostic-lines.js';
import { plainPaint } from './paint.js';
import type { Reporter, ReporterOptions } from './reporter.js';

// JSON.stringify leaves these as they are; escaped they mean the same and are safe on a terminal.
const UNESCAPED = /[\x7f-\x9f\p{Cf}\p{Zl}\p{Zp}]/gu;

/** JSON in which no string holds a raw control character. `indent`: spaces a level; 0 gives one line. */
export function toJson(value: unknown, indent = 0): string {
  return JSON.stringify(value, null, indent).replace(UNESCAPED, escapeUnits);
}

function escapeUnits(character: string): string {
  let escaped = '';
  for (let index = 0; index < character.length; index++) {
    escaped += `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
  }
  return escaped;
}

/** Every event as one line of JSON on stdout; diagnostics also for people, on stderr. */
export function createNdjsonReporter(options: ReporterOptions): Reporter {
  const { verbosity, stdout, stderr } = options;
  return {
    handle(event) {
      if (event.event === 'command' && verbosity !== 'verbose') return;
      stdout.write(`${toJson(event)}\n`);
      if (event.event !== 'diagnostic') return;
      if (verbosity === 'quiet' && event.diagnostic.severity !== 'error') return;
      stderr.write(`${diagnosticLines(event.diagnostic, plainPaint).join('\n')}\n`);
    },
    async close() {},
  };
}
