import type { Secret } from '../base/secret.js';
import type { Cluster, Host } from '../inventory/model.js';
import type { Playbook, Task } from '../playbook/model.js';
import { ownTaskResource } from '../resources/own-task.js';
import { RESOURCE_TYPES } from '../resources/registry.js';
import type { Resource } from '../resources/types.js';

export interface PlannedTask {
  readonly task: Task;
  readonly resource: Resource;
}

export interface HostResources {
  readonly host: Host;
  /** By play, in the playbook's order. */
  readonly plays: readonly (readonly PlannedTask[])[];
}

/** What the playbook says of each host of a cluster, as resources. */
export function buildResources(
  playbook: Playbook,
  cluster: Cluster,
  authPass: ReadonlyMap<string, Secret>,
  forgotten: ReadonlySet<string> = new Set(),
): HostResources[] {
  return cluster.hosts.map((host) => ({
    host,
    plays: playbook.map((play) =>
      play.tasks.map((task) => {
        const watches = task.watches ?? [];
        if (task.own !== undefined) {
          return { task, resource: ownTaskResource(task.own, { title: task.name, watches }) };
        }
        const type = RESOURCE_TYPES[task.type];
        if (type === undefined)
          throw new Error(`the playbook's parser let an unknown type through: ${task.type}`);
        return { task, resource: type.make(task.args, { cluster, host, authPass, watches, forgotten }) };
      }),
    ),
  }));
}
