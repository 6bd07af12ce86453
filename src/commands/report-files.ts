import { closeSync, ftruncateSync, openSync, writeFileSync } from 'node:fs';
import type { DrillReport } from '../engine/documents.js';
import { wrongFlag } from './input.js';
import type { DrillOptions } from './options.js';

export interface ReportFiles {
  write(report: DrillReport): Promise<void>;
}

/** `--report` and `--junit`: opened before anything is broken, so that no drill is run for a report that cannot be kept. @throws UserError */
export function openReports({ report, junit }: DrillOptions): ReportFiles {
  const html = report === undefined ? null : open('--report', report);
  const xml = junit === undefined ? null : open('--junit', junit);
  return {
    async write(document) {
      if (html !== null) put(html, (await import('../report/drill-html.js')).formatDrillHtml(document));
      if (xml !== null) put(xml, (await import('../report/drill-junit.js')).formatDrillJunit(document));
    },
  };
}

/** What is there is kept until there is something to put in its place. */
function open(flag: string, path: string): number {
  try {
    return openSync(path, 'a', 0o644);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw wrongFlag('bad-flag', `${flag} ${path} cannot be written: ${why}`);
  }
}

function put(file: number, text: string): void {
  ftruncateSync(file, 0);
  writeFileSync(file, text);
  closeSync(file);
}
