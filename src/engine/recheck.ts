import type { Diagnostic } from '../base/diagnostic.js';
import type { HostResources } from '../planning/build-resources.js';
import type { HostWork } from '../planning/types.js';
import { type Facts, UnknownFact } from '../resources/types.js';

/**
 * Looks again at what was just changed: a change that did not stick is a failure, whatever its command said.
 * null: everything is as it should be.
 */
export function stillDiffers(
  work: HostWork,
  resources: readonly HostResources[],
  facts: Facts,
  cluster: string,
): Diagnostic | null {
  const changed = new Set(work.items.flatMap((item) => item.change?.resource ?? []));
  const own = resources.find((it) => it.host.name === work.host);
  for (const { resource } of (own?.plays ?? []).flat()) {
    if (!changed.has(resource.id)) continue;
    const about = { cluster, host: work.host, resource: resource.id } as const;
    try {
      const { change, problems } = resource.plan(facts);
      const problem = problems.find((it) => it.severity === 'error');
      if (problem !== undefined) return { ...problem, ...about };
      if (change === null) continue;
      return {
        severity: 'error',
        code: 'did-not-stick',
        summary: `${resource.id} was changed and still differs: ${change.reason}`,
        hint: 'something else on the host changes it back, or its program did not take the change',
        ...about,
      };
    } catch (error) {
      if (!(error instanceof UnknownFact)) throw error;
      return {
        severity: 'error',
        code: 'unknown-fact',
        summary: `${resource.id} was changed, but could not be looked at afterwards`,
        detail: error.message,
        ...about,
      };
    }
  }
  return null;
}
