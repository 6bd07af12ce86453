import type { Diagnostic } from '../base/diagnostic.js';
import { err, ok } from '../base/result.js';
import { atTheEnd, type Command, raw, sh } from '../base/shell.js';
import type { PackageWish, System } from '../inventory/model.js';
import { LOCK_HOLDER } from './package-lock.js';
import type { Probe } from './types.js';

export interface VersionFacts {
  /** By package: what the repositories have, as far as an exact version was asked for. */
  readonly available: Readonly<Record<string, readonly string[]>>;
  /** By package: the newest that the repositories have, where that was asked for and is no older than what is there. */
  readonly candidate: Readonly<Record<string, string>>;
  /** Who works with the package manager right now. */
  readonly lockedBy: string | null;
}

/** Without the epoch, which people leave out and rpm does not print. */
export function withoutEpoch(version: string): string {
  return version.replace(/^\d+:/, '');
}

/** `2.6.12` is satisfied by any release of it, `2.6.12-1.el9` by that one alone. */
export function satisfies(version: string, wish: string): boolean {
  const [have, want] = [withoutEpoch(version), withoutEpoch(wish)];
  return have === want || have.replace(/-[^-]*$/, '') === want;
}

const version = (wish: PackageWish): string | null => (typeof wish === 'string' ? null : wish.version);

/** Seconds that a repository may take. */
const REPOSITORY_LIMIT = 50;

/**
 * dnf's metadata are a cache, which it refreshes. apt's lists are the host's own: they are refreshed in a copy, so that
 * a plan touches nothing, and nothing waits for somebody else's lock.
 */
const ASK = sh`limit=${REPOSITORY_LIMIT}
failed() { cat "$dir/said" >&2; [ "$1" != 124 ] || echo "the repositories did not answer within $limit s" >&2; exit 1; }
dir=$(mktemp -d /var/tmp/lbctl-packages.XXXXXX) || exit 1
${atTheEnd(sh`rm -rf "$dir"`)}
if command -v dnf >/dev/null; then
  query() { timeout -k 2 "$limit" dnf -q --refresh --setopt=exit_on_lock=1 repoquery --qf '%{name} %{version}-%{release}\n' "$@" >"$dir/out" 2>"$dir/said" || failed $?; }
  newest() { query --upgrades --latest-limit=1 "$1"; awk -v n="$1" '$1 == n { print "candidate", n, $2 }' "$dir/out"; }
  all() { query "$1"; awk -v n="$1" '$1 == n { print "available", n, $2 }' "$dir/out"; }
else
  refreshed=
  refresh() {
    [ -z "$refreshed" ] || return 0
    refreshed=yes
    mkdir -p "$dir/lists/partial" "$dir/cache/archives/partial"
    cp -a /var/lib/apt/lists/. "$dir/lists/" 2>/dev/null
    rm -f "$dir/lists/lock"
    set -- -o Dir::State::Lists="$dir/lists" -o Dir::Cache="$dir/cache" -o APT::Sandbox::User=root -o Acquire::Languages=none
    timeout -k 2 "$limit" apt-get -q "$@" -o APT::Update::Error-Mode=any update >"$dir/said" 2>&1 || failed $?
  }
  cache() { apt-cache -o Dir::State::Lists="$dir/lists" -o Dir::Cache="$dir/cache" "$@" 2>"$dir/said" || failed $?; }
  newest() { refresh; cache policy "$1" | awk -v n="$1" '$1 == "Candidate:" && $2 != "(none)" { print "candidate", n, $2 }'; }
  all() { refresh; cache madison "$1" | awk -v n="$1" '$1 == n { print "available", n, $3 }'; }
fi
installed() {
  if command -v rpm >/dev/null && command -v dnf >/dev/null; then rpm -q --qf '%{VERSION}-%{RELEASE}' "$1" 2>/dev/null
  else dpkg-query -W -f '\${Version}' "$1" 2>/dev/null; fi
}
# An exact version that is there needs no repository.
exact() {
  v=$(installed "$1") && v=\${v#*:} && case $2 in "$v"|"\${v%-*}") return 0 ;; esac
  all "$1"
}
if holder=$(package_lock_holder); then echo "locked $holder"; fi`;

/** What the repositories have: asked only where the inventory wishes for something other than `present`. */
export function packageVersionsProbe(wishes: System['packages']): Probe<VersionFacts> {
  const questions = Object.entries(wishes).flatMap(([name, wish]): Command[] => {
    const exact = version(wish);
    if (wish === 'present') return [];
    return [exact === null ? sh`newest ${name}` : sh`exact ${name} ${withoutEpoch(exact)}`];
  });
  const script = questions.reduce(
    (all, one) => sh`${all}
${one}`,
    sh`${LOCK_HOLDER}
${ASK}`,
  );
  return {
    key: `package-versions:${JSON.stringify(wishes)}`,
    script:
      questions.length === 0
        ? raw(':')
        : sh`${script}
exit 0`,
    parse({ stdout, stderr, exitCode }) {
      if (exitCode !== 0) return err(`what the package repositories have cannot be read: ${stderr.trim()}`);
      const available: Record<string, string[]> = {};
      const candidate: Record<string, string> = {};
      let lockedBy: string | null = null;
      for (const line of stdout.split('\n')) {
        const [kind, name, found] = line.trim().split(' ');
        if (kind === 'locked') lockedBy = line.trim().slice('locked '.length);
        if (name === undefined || found === undefined) continue;
        if (kind === 'candidate') candidate[name] = found;
        if (kind === 'available') available[name] = [...(available[name] ?? []), found];
      }
      return ok({ available, candidate, lockedBy });
    },
  };
}

export interface Targets {
  /** By package: the version to install; null: whichever the repositories prefer. */
  readonly versions: ReadonlyMap<string, string | null>;
  readonly problems: readonly Diagnostic[];
}

/**
 * Which packages are to be installed, upgraded or downgraded, and to what. Pure.
 * @param installed version by package; absent where it is missing
 */
export function targetsOf(
  wishes: System['packages'],
  installed: Readonly<Record<string, string>>,
  facts: () => VersionFacts,
): Targets {
  const versions = new Map<string, string | null>();
  const problems: Diagnostic[] = [];
  for (const [name, wish] of Object.entries(wishes)) {
    const have = installed[name];
    const exact = version(wish);
    if (exact === null) {
      const newest = wish === 'latest' ? facts().candidate[name] : undefined;
      if (have === undefined) versions.set(name, newest ?? null);
      else if (newest !== undefined && withoutEpoch(newest) !== withoutEpoch(have))
        versions.set(name, newest);
      continue;
    }
    if (have !== undefined && satisfies(have, exact)) continue;
    const known = facts().available[name] ?? [];
    const matching = known.filter((it) => satisfies(it, exact)).sort(byNumbers);
    const target = matching.at(-1);
    if (target === undefined) problems.push(noSuchVersion(name, exact, known));
    else versions.set(name, target);
  }
  return { versions, problems };
}

/** Releases of one version: `1.el9` before `10.el9`. Made where it is needed: it takes as long as reading an inventory. */
function byNumbers(one: string, other: string): number {
  return new Intl.Collator('en', { numeric: true }).compare(one, other);
}

function noSuchVersion(name: string, wish: string, known: readonly string[]): Diagnostic {
  const has = known.length === 0 ? `no ${name} at all` : [...known].sort(byNumbers).join(', ');
  return {
    severity: 'error',
    code: 'no-such-version',
    summary: `the repositories of this host have no ${name} ${wish}; they have ${has}`,
    hint: 'write one of these in `system.packages`, or give the host a repository that has it',
  };
}
