import type { SourceSpan } from '../../base/diagnostic.js';
import { splitLine } from '../haproxy-line.js';
import type { Backend, Cluster, Frontend } from '../model.js';
import type { Places } from '../places.js';
import type { Problems } from '../problems.js';
import { show } from '../show.js';
import { suggestion } from '../suggest.js';

interface Route {
  /** Undefined where HAProxy finds the name only when a request comes in. */
  readonly backend: string | undefined;
  readonly source: SourceSpan;
}

function routesOf(frontend: Frontend, places: Places): Route[] {
  const routes = frontend.useBackend.map((line, index): Route => {
    const [name = ''] = splitLine(line).words;
    return {
      backend: name.includes('%[') ? undefined : name,
      source: places.of(frontend, `useBackend.${index}`),
    };
  });
  const { defaultBackend } = frontend;
  if (defaultBackend === null) return routes;
  return [...routes, { backend: defaultBackend, source: places.of(frontend, 'defaultBackend') }];
}

/** Every frontend leads somewhere, and every backend is led to. */
export function checkRoutes(cluster: Cluster, places: Places, problems: Problems): void {
  const { frontends, backends, configFile, defaults } = cluster.haproxy;
  if (configFile !== null) return;
  const known = new Map(backends.map((backend) => [backend.name, backend]));
  const used = new Set<string>();
  // Nothing can be said about unused backends when some routes are wrong or known only at run time.
  let unclear = frontends.length === 0;
  const defaultRoute = defaults.some((line) => splitLine(line).words[0] === 'default_backend');
  for (const frontend of frontends) {
    const routes = routesOf(frontend, places);
    if (routes.length === 0) unclear = frontend.lines.length === 0 || unclear;
    if (!defaultRoute && !places.has(frontend, 'route')) {
      const summary = `the frontend "${frontend.name}" leads nowhere`;
      unclear = true;
      problems.error(frontend.source, 'no-backend', summary, 'give it a "default_backend"');
    }
    for (const route of routes) {
      if (route.backend === undefined) {
        unclear = true;
        continue;
      }
      const backend = known.get(route.backend);
      if (backend === undefined) {
        unclear = true;
        const summary = `there is no backend named ${show(route.backend)}`;
        problems.error(
          route.source,
          'unknown-backend',
          summary,
          suggestion(route.backend, known.keys(), 'backends'),
        );
        continue;
      }
      used.add(backend.name);
      checkModes(frontend, backend, route, places, problems);
    }
  }
  if (unclear) return;
  // Free lines may name a backend in ways that are not looked into: the word is enough.
  const words = new Set(
    [...defaults, ...frontends.flatMap(({ lines }) => lines)].flatMap((line) => splitLine(line).words),
  );
  if ([...words].some((word) => word.includes('%['))) return;
  for (const { name, source } of backends) {
    if (used.has(name) || words.has(name)) continue;
    problems.warn(source, 'unused-backend', `no frontend leads to the backend "${name}"`);
  }
}

function checkModes(
  frontend: Frontend,
  backend: Backend,
  route: Route,
  places: Places,
  problems: Problems,
): void {
  if (frontend.mode === backend.mode) return;
  if (places.has(frontend, 'wrongMode') || places.has(backend, 'wrongMode')) return;
  const summary = `the frontend "${frontend.name}" has mode ${frontend.mode}, its backend "${backend.name}" mode ${backend.mode}`;
  problems.error(route.source, 'mode-mismatch', summary, 'give both the same "mode"');
}
