# shellcheck shell=bash
# What test/lab/demo and test/all need before they begin. Sourced by both; REPOSITORY is set there.

die() { echo "error: $*" >&2; exit 1; }

need_node() {
  command -v node >/dev/null && command -v npm >/dev/null || die "Node.js 20.19 or later with npm is needed"
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
    die "Node.js 20.19 or later is needed, this is $(node --version)"
}

# Whether node_modules holds what package-lock.json says; packages for other platforms are not missed.
modules_fit() {
  node - <<'JS'
const { existsSync, readFileSync } = require('node:fs');
const read = (path) => JSON.parse(readFileSync(path, 'utf8')).packages;
try {
  const wanted = read('package-lock.json');
  const found = read('node_modules/.package-lock.json');
  const fits = Object.entries(wanted).every(
    ([path, { version, optional }]) =>
      path === '' || (optional && !found[path]) || (found[path]?.version === version && existsSync(path)),
  );
  process.exit(fits ? 0 : 1);
} catch {
  process.exit(1);
}
JS
}

install_modules() {
  modules_fit && return 0
  # npm ci empties what the link points to: the modules of another clone.
  [[ ! -L node_modules ]] || die "node_modules is a link to $(readlink node_modules), whose packages are not those of package-lock.json: remove the link, or run npm ci there"
  echo "npm ci"
  local log
  log=$(mktemp)
  # Not its `prepare` script: what is built is built below.
  if ! npm ci --no-audit --no-fund --ignore-scripts >"$log" 2>&1 </dev/null; then
    cat "$log" >&2
    rm -f "$log"
    die "npm ci failed"
  fi
  rm -f "$log"
}

build_when_older() {
  if [[ -e dist/main.js && -z $(find src build.mjs package.json package-lock.json -newer dist/main.js -print -quit) ]]; then
    return 0
  fi
  echo "npm run build"
  npm run --silent build </dev/null
}
