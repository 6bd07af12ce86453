import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { ok } from '../../../src/base/result.js';
import type { Playbook } from '../../../src/playbook/model.js';
import { parsePlaybook } from '../../../src/playbook/parse.js';

const PLAYBOOKS = fileURLToPath(new URL('../../../playbooks/', import.meta.url));

function shipped(name: string): Playbook {
  const path = `${PLAYBOOKS}${name}`;
  const readSource = (source: string) => ok(readFileSync(source));
  const result = parsePlaybook(readFileSync(path, 'utf8'), path, dirname(path), { readSource });
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return result.value;
}

/** Everything but the places, which differ. */
function ours(playbook: Playbook) {
  return playbook
    .map((play) => ({
      ...play,
      tasks: play.tasks
        .filter(({ own }) => own === undefined)
        .map(({ name, type, args, notify }) => ({ name, type, args, notify })),
    }))
    .filter(({ tasks }) => tasks.length > 0);
}

it('the example does all that up.yaml does, in the same order', () => {
  expect(ours(shipped('with-node-exporter.yaml'))).toEqual(ours(shipped('up.yaml')));
});
