import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A file that lbctl brings along, in `playbooks` or `inventory` at the top of the project. */
export function shippedFile(folder: string, name: string): string {
  let top = dirname(fileURLToPath(import.meta.url));
  // From the bundle it is one step up, from the sources two.
  while (!existsSync(join(top, folder, name)) && dirname(top) !== top) top = dirname(top);
  return join(top, folder, name);
}
