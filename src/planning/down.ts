import type { Cluster, Host } from '../inventory/model.js';
import type { Play } from '../playbook/model.js';
import { KEPT } from '../resources/kept.js';
import {
  keepalivedBefore,
  purgedPackage,
  releasedAddresses,
  zonesBefore,
} from '../resources/restore/down.js';
import {
  BEFORE,
  kernelBefore,
  ownServicesBefore,
  selinuxBefore,
  ufwRulesBefore,
} from '../resources/restore/down-states.js';
import { keptOf, restoredFile, restoredOwnFiles } from '../resources/restore/files.js';
import { restoredFirewall, restoredService } from '../resources/restore/states.js';
import type { Planned, Resource } from '../resources/types.js';
import { type RestorePlays, resourceOf, taskOf } from './restore.js';
import type { Batch } from './types.js';

export interface Down {
  readonly cluster: Cluster;
  readonly hosts: readonly Host[];
  /** By host: packages that go if they were not there before. */
  readonly purge: (host: string) => readonly string[];
}

/** The name of the only play that goes from host to host. */
const RELEASE = 'release the virtual addresses';

/** keepalived is stopped everywhere before anything else is put back; what ran by its own file starts again after that. */
export function downPlays({ cluster, hosts, purge }: Down): RestorePlays {
  const files = (service: 'haproxy' | 'keepalived') =>
    KEPT[service].map((path) => restoredFile(BEFORE, resourceOf(path, service), path));
  const system = KEPT.system
    .filter((path) => path.startsWith('/etc/'))
    .map((path) => restoredFile(BEFORE, `file:${path}`, path));
  const plays: { name: string; order: Play['order']; resources: (host: string) => readonly Resource[] }[] = [
    { name: RELEASE, order: 'standby-first', resources: () => [releasedAddresses(cluster)] },
    {
      name: 'haproxy',
      order: 'parallel',
      resources: () => [
        ...files('haproxy').map(toldWhereItRan),
        alone(restoredService(BEFORE, 'haproxy', { goal: 'exact' })),
      ],
    },
    {
      name: 'system',
      order: 'parallel',
      resources: () => [
        ...system,
        kernelBefore,
        selinuxBefore,
        zonesBefore,
        ufwRulesBefore,
        restoredFirewall(BEFORE),
        restoredOwnFiles(BEFORE),
        ownServicesBefore,
      ],
    },
    {
      name: 'keepalived',
      order: 'parallel',
      resources: () => [...files('keepalived').map(alone), keepalivedBefore()],
    },
    { name: 'packages', order: 'parallel', resources: (host) => purge(host).map(purgedPackage) },
  ];
  return {
    playbook: plays.map(({ name, order }) => ({ name, order, gates: [], tasks: [] })),
    resources: hosts.map((host) => ({
      host,
      plays: plays.map(({ resources }) =>
        resources(host.name).map((resource) => ({ task: taskOf(resource.id), resource })),
      ),
    })),
  };
}

/** HAProxy reads its file again where it ran then; elsewhere it has been stopped by the time that it would be told. */
function toldWhereItRan(resource: Resource): Resource {
  const silent = alone(resource);
  return {
    ...resource,
    plan(facts) {
      const ran = keptOf(BEFORE, facts)?.states['haproxy.ActiveState'];
      return (ran === 'active' || ran === 'reloading' ? resource : silent).plan(facts);
    },
  };
}

/** Nothing is told to the services, and no host waits for another: they are stopped, or read their files by themselves. */
function alone(resource: Resource): Resource {
  return {
    ...resource,
    plan(facts): Planned {
      const { change, problems } = resource.plan(facts);
      return {
        change: change === null ? null : { ...change, notify: [], coordination: 'independent' },
        problems,
      };
    },
  };
}

/** Play after play on all hosts at once, except the first: nobody serves any more once the addresses are released. */
export function downBatches(plays: readonly Pick<Play, 'name'>[], batches: readonly Batch[]): Batch[] {
  return plays.flatMap(({ name }) => {
    const mine = batches.filter(({ play }) => play === name);
    const [first] = mine;
    if (first === undefined || name === RELEASE) return mine;
    return [{ ...first, work: mine.flatMap(({ work }) => work) }];
  });
}
