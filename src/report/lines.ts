import type { RunEvent } from '../engine/events.js';
import { eventLines } from './event-lines.js';
import type { Paint } from './paint.js';
import { formatRecap } from './recap.js';
import type { Reporter, ReporterOptions } from './reporter.js';

/** Plain lines on stderr, in the order of the events; the recap, being the result, on stdout. */
export function createLinesReporter(options: ReporterOptions, paint: Paint): Reporter {
  const { verbosity, stdout, stderr } = options;
  return {
    handle(event) {
      if (event.event === 'summary') {
        const recap = formatRecap(event, { paint, onlyFailures: verbosity === 'quiet' });
        if (recap !== '') stdout.write(`${recap}\n`);
        return;
      }
      if (!isWanted(event, verbosity)) return;
      stderr.write(`${eventLines(event, paint).join('\n')}\n`);
    },
    async close() {},
  };
}

function isWanted(event: RunEvent, verbosity: ReporterOptions['verbosity']): boolean {
  if (verbosity === 'quiet') return event.event === 'diagnostic' && event.diagnostic.severity === 'error';
  return event.event !== 'command' || verbosity === 'verbose';
}
