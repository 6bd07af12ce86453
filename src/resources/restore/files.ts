import { raw, sh } from '../../base/shell.js';
import { Text } from '../../base/text.js';
import { GENERATED, HAPROXY_CFG, KEEPALIVED_CONF } from '../../render/platform.js';
import { fileDiff, markSecrets } from '../diff.js';
import { DAEMON_RELOAD } from '../handlers.js';
import { HAPROXY_VALIDATE } from '../haproxy-config.js';
import { flipsTogether, startsAnew } from '../keepalived-compare.js';
import { KEPT_PATHS, putBackStep, takeAwayStep } from '../kept.js';
import { type KeptFacts, type KeptFile, type KeptQuery, keptProbe } from '../probes/generation.js';
import { type Change, type Facts, NOTHING, planned, type Resource, type Step } from '../types.js';

type Kept = Extract<KeptFacts, { kind: 'kept' }>;

export function keptOf(query: KeptQuery, facts: Facts): Kept | null {
  const kept = facts.need(keptProbe(query));
  return kept.kind === 'kept' ? kept : null;
}

const VERB = { content: 'update', attributes: 'update', gone: 'create', new: 'delete' } as const;
const WORDS = {
  content: 'content differs from what was kept',
  attributes: 'mode or owner differs from what was kept',
  gone: 'was there, and is missing',
  new: 'was not there',
} as const;

/** True for a file that lbctl wrote: it can be checked, and what it configures can be asked, as lbctl does. */
export function ours({ kept }: Pick<KeptFile, 'kept'>): boolean {
  return kept?.startsWith(GENERATED) === true;
}

function stepsOf(file: KeptFile, folder: string): Step[] {
  const { path, state } = file;
  if (state === 'new') return [takeAwayStep(path)];
  if (path === HAPROXY_CFG && ours(file)) return [putBackStep(folder, path, HAPROXY_VALIDATE)];
  if (path === KEEPALIVED_CONF && ours(file))
    return [putBackStep(folder, path, raw('timeout 30 keepalived -t -f "$candidate" >&2'))];
  return [putBackStep(folder, path)];
}

/** HAProxy or keepalived of somebody's own configuration: nothing of it is known but that it has to live on. */
function reloadAsItWas(service: string): Step {
  return {
    title: `reload ${service}`,
    limit: 90,
    script: sh`systemctl is-active -q ${service} || exit 0
timeout -k 5 60 systemctl reload ${service} || exit $?
sleep 0.5
systemctl is-active -q ${service} && exit 0
echo ${`${service} does not run any more after the reload`} >&2
journalctl -u ${service} -n 15 --no-pager -o cat >&2
exit 1`,
  };
}

/** One file that a run replaced: as it was before the run of that number. */
export function restoredFile(query: KeptQuery, resource: string, path: string): Resource {
  return {
    id: resource,
    probes: [keptProbe(query)],
    plan(facts) {
      const kept = keptOf(query, facts);
      const file = kept?.files.find((it) => it.path === path);
      if (kept === null || file === undefined || file.state === 'same' || file.state === 'absent')
        return NOTHING;
      return planned({
        ...effect(file),
        resource,
        title: `${path} as it was`,
        verb: VERB[file.state],
        reason: `${path}: ${WORDS[file.state]}`,
        diff: file.state === 'attributes' ? null : fileDiff(path, file.now, textOf(file.kept)),
        silent: file.state === 'attributes',
        steps: [...stepsOf(file, kept.folder), ...afterwards(file)],
      });
    },
  };
}

function textOf(kept: string | null): Text {
  return kept === null ? new Text(['']) : markSecrets(kept);
}

function afterwards(file: KeptFile): Step[] {
  const { path, state } = file;
  if (state === 'attributes') return [];
  if (path.endsWith('.service.d/lbctl.conf')) return [DAEMON_RELOAD];
  if (state === 'new' || ours(file)) return [];
  if (path === HAPROXY_CFG) return [reloadAsItWas('haproxy')];
  return path === KEEPALIVED_CONF ? [reloadAsItWas('keepalived')] : [];
}

function effect(file: KeptFile): Partial<Change> {
  const { path, state, now, kept } = file;
  if (state === 'attributes' || state === 'new' || !ours(file)) return {};
  if (path === HAPROXY_CFG) return { notify: ['reload haproxy'] };
  if (path !== KEEPALIVED_CONF || now === null || kept === null) return {};
  const together = flipsTogether(now, kept);
  return {
    notify: ['reload keepalived'],
    coordination: !together ? 'independent' : startsAnew(now, kept) ? 'anew' : 'together',
  };
}

/** Files of an operator's own tasks, and the services that such tasks name: they read them again. */
export function restoredOwnFiles(query: KeptQuery): Resource {
  const resource = 'own_files';
  return {
    id: resource,
    probes: [keptProbe(query)],
    plan(facts) {
      const kept = keptOf(query, facts);
      const files = (kept?.files ?? []).filter(
        ({ path, state }) => !KEPT_PATHS.includes(path) && state !== 'same' && state !== 'absent',
      );
      if (kept === null || files.length === 0) return NOTHING;
      const services = Object.keys(kept.states).flatMap((key) => {
        const name = /^(.+)\.ActiveState$/.exec(key)?.[1];
        return name === undefined || LBCTLS.includes(name) ? [] : [name];
      });
      return planned({
        resource,
        title: 'files of your own tasks as they were',
        verb: 'update',
        reason: files
          .map(({ path, state }) => `${path}: ${state === 'same' || state === 'absent' ? '' : WORDS[state]}`)
          .join(', '),
        diff: files
          .filter((it) => it.state !== 'attributes')
          .map((it) => fileDiff(it.path, it.now, textOf(it.kept)))
          .join(''),
        steps: [
          ...files.flatMap((file) => stepsOf(file, kept.folder)),
          ...services.map(
            (name): Step => ({
              title: `let ${name} read its files again`,
              script: sh`systemctl is-active -q ${name} || exit 0
timeout -k 5 120 systemctl reload-or-restart ${name}`,
              limit: 140,
            }),
          ),
        ],
      });
    },
  };
}

export const LBCTLS = ['haproxy', 'keepalived', 'firewalld', 'ufw'];
