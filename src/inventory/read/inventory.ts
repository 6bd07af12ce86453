import { KEYS } from '../keys.js';
import { RANGE } from '../limits.js';
import type { Cluster, Inventory } from '../model.js';
import { destinationProblem } from '../words.js';
import { type Entry, kindOf, type Tree } from '../yaml/tree.js';
import type { Context } from './context.js';
import { Fields } from './fields.js';
import { readHaproxy } from './haproxy.js';
import { readHosts } from './hosts.js';
import { readSsh, type SshLayer } from './ssh.js';
import { readCheck, readSystem } from './system.js';
import { readVrrpInstances } from './vrrp.js';

/**
 * The tree as an inventory. With mistakes in it, what is left is only fit for the checks that find more of
 * them: wrong values stand as '' or 0.
 */
export function readInventory(ctx: Context, file: string, tree: Tree): Inventory {
  const start = { file, line: 1, column: 1, length: 1 };
  if (tree.kind !== 'map') {
    const hint = 'see inventory/minimal.yaml for the smallest one';
    ctx.problems.error(
      tree.span,
      'wrong-type',
      `an inventory is a map with the key "clusters", not ${kindOf(tree)}`,
      hint,
    );
    return { file, clusters: [] };
  }
  const fields = Fields.open(ctx, { key: '', keySpan: start, value: tree }, KEYS.inventory);
  const clusters = fields?.required('clusters', 'an inventory');
  const ssh = readSsh(ctx, fields?.entry('ssh'));
  if (clusters?.value.kind === 'map' && clusters.value.entries.size === 0) {
    ctx.problems.error(clusters.keySpan, 'missing-key', '"clusters" is empty');
  }
  return { file, clusters: (fields?.named('clusters') ?? []).map((entry) => readCluster(ctx, entry, ssh)) };
}

function readCluster(ctx: Context, entry: Entry, inventorySsh: SshLayer): Cluster {
  const { key: name, keySpan: source } = entry;
  const opened = Fields.open(ctx, entry, KEYS.cluster);
  // Nothing to read in it, and nothing to ask for: the wrong type has been told.
  const fields = opened ?? Fields.empty(ctx, source);
  const layers = [inventorySsh, readSsh(ctx, fields.entry('ssh'))];
  const hosts = opened === undefined ? [] : readHosts(ctx, fields, name, layers);
  return {
    name,
    hosts,
    system: readSystem(ctx, fields),
    vrrpInstances: opened === undefined ? [] : readVrrpInstances(ctx, fields, name, hosts),
    check: readCheck(ctx, fields),
    haproxy:
      opened === undefined
        ? { configFile: null, global: [], defaults: [], frontends: [], backends: [], stats: null }
        : readHaproxy(ctx, fields, name),
    verify: readVerify(fields),
    drill: { from: fields.fields('drill', KEYS.drill)?.text('from', destinationProblem)?.value ?? null },
    source,
  };
}

function urlProblem(text: string): string | undefined {
  const whole = /^https?:\/\/[^\s"'`\\<>$;|(){}\u0000-\u0020\u007f]+$/i.test(text) && URL.canParse(text);
  return whole ? undefined : 'must be a whole http:// or https:// URL';
}

function readVerify(owner: Fields): Cluster['verify'] {
  const fields = owner.fields('verify', KEYS.verify);
  return {
    url: fields?.text('url', urlProblem)?.value ?? null,
    status: fields?.integer('status', RANGE.httpStatus)?.value ?? null,
  };
}
