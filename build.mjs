// Bundles src/main.ts into dist/: one script, in which each module runs when it is first imported: `lbctl validate` never runs
// ssh2, `lbctl status --json` never runs listr2. Beside it V8's code cache of it, without which a short run takes a
// fifth longer, to parse and compile. `node build.mjs FOLDER` puts all that there instead.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

const outdir = resolve(process.argv[2] ?? 'dist');
// Of ssh2: its agents for HTTP over SSH, since node's http, https and tls with them take a tenth of the time in which lbctl starts;
// and the WebAssembly of a cipher that nearly no connection uses, which takes as long, and 16 MB.
const leaner = {
  name: 'leaner-ssh2',
  setup(bundler) {
    bundler.onLoad({ filter: /ssh2.lib.http-agents\.js$/ }, () => ({ contents: '' }));
    bundler.onLoad({ filter: /ssh2.lib.protocol.crypto.poly1305\.js$/ }, async ({ path }) => ({
      contents: whenNeeded(await readFile(path, 'utf8')),
    }));
  },
};

/** The same module, which compiles its WebAssembly when the first packet is to be signed or checked. */
function whenNeeded(source) {
  const head = '"data:application/octet-stream;base64,';
  const [, wasm] = source.match(new RegExp(`=${head}([A-Za-z0-9+/=]+)"`)) ?? [];
  if (wasm === undefined)
    throw new Error('poly1305.js of ssh2 is no longer what it was: no WebAssembly in it');
  return `const WASM = '${wasm}';
${source.replace(`${head}${wasm}"`, `${head}" + WASM`)}
const create = module.exports;
const out = new Uint8Array(16);
let made;
function make(signature) {
  const { Module, Instance } = WebAssembly;
  made = {
    instantiateWasm(imports, done) {
      const instance = new Instance(new Module(Buffer.from(WASM, 'base64')), imports);
      done(instance);
      return instance.exports;
    },
  };
  create(made);
  made.at = made._malloc(out.length);
  made.sign = made.cwrap(...signature);
}
// The first argument is where the result goes: at the start of \`HEAPU8\`, whatever its own memory calls that.
module.exports = async () => ({
  HEAPU8: out,
  _malloc: () => 0,
  cwrap: (...signature) => (at, ...rest) => {
    if (made === undefined) make(signature);
    made.sign(made.at, ...rest);
    out.set(made.HEAPU8.subarray(made.at, made.at + out.length));
  },
});
`;
}

const { version } = JSON.parse(await readFile('package.json', 'utf8'));
await rm(outdir, { recursive: true, force: true });
await build({
  entryPoints: ['src/main.ts'],
  outfile: join(outdir, 'lbctl.cjs'),
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node20',
  // Names stay, for stack traces; without the white space node needs 5 MB less.
  minifySyntax: true,
  minifyWhitespace: true,
  // Node prints the whole line of what it did not expect.
  lineLimit: 160,
  legalComments: 'none',
  // ssh2's native add-ons are optional accelerators that need a compiler; without them it uses node:crypto.
  external: ['cpu-features', './crypto/build/Release/sshcrypto.node', '*.node'],
  banner: {
    js: "(function(require,__filename,__dirname){'use strict';const module={},__url=require('node:url').pathToFileURL(__filename).href;",
  },
  footer: { js: '})' },
  plugins: [leaner],
  define: { LBCTL_VERSION: JSON.stringify(version), 'import.meta.url': '__url' },
  logLevel: 'warning',
});

// A single other character would make V8 keep the whole script in two bytes a character.
const text = await readFile(join(outdir, 'lbctl.cjs'), 'utf8');
const odd = text.match(/.{0,60}[^\0-\x7f].{0,60}/);
if (odd !== null) throw new Error(`write it as an escape: ${odd[0]}`);
// Of a cache V8 looks at its own version and the script's length alone: so the names say which script, node and machine it is for.
const name = `lbctl-${createHash('sha256').update(text).digest('hex').slice(0, 16)}`;
await rename(join(outdir, 'lbctl.cjs'), join(outdir, `${name}.cjs`));

const LOAD = `const { readFileSync } = require('node:fs');
const { dirname } = require('node:path');
const { Script } = require('node:vm');
const cacheOf = (file) => file.replace(/cjs$/, process.version + '-' + process.arch + '.cache');
function load(file, cachedData) {
  const script = new Script(readFileSync(file, 'latin1'), { filename: file, cachedData });
  return { script, run: () => script.runInThisContext()(require, file, dirname(file)) };
}
`;

const MAIN = `#!/usr/bin/env node
'use strict';
${LOAD}
const file = __dirname + '/${name}.cjs';
let cache;
try {
  cache = readFileSync(cacheOf(file));
} catch {}
load(file, cache).run();
`;

/** Runs `up`: what it compiles on the way is in the cache. */
const WARM = `${LOAD}
const [file, inventory] = process.argv.slice(1);
process.argv = [process.execPath, file, 'up', '--playbook', 'playbooks/up.yaml', inventory];
const { script, run } = load(file);
process.on('exit', () => require('node:fs').writeFileSync(cacheOf(file), script.createCachedData()));
run();
`;

/** A pair that differs in one file, simulated behind SSH servers on loopback: its process, and its inventory. */
async function simulatedPair(folder) {
  const source = resolve('test/unit/support/warm-hosts.ts');
  const outfile = join(folder, 'hosts.mjs');
  await build({
    entryPoints: [source],
    outfile,
    ...{ bundle: true, format: 'esm', platform: 'node', target: 'node20', logLevel: 'warning' },
    external: ['cpu-features', '*.node'],
    // ssh2 looks for node's modules and for itself as CommonJS does.
    banner: {
      js: "import { createRequire } from 'node:module';const require = createRequire('file:///'), __dirname = '';",
    },
    define: { 'import.meta.url': JSON.stringify(pathToFileURL(source).href) },
  });
  const hosts = spawn(process.execPath, [outfile, folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
    timeout: 60_000,
  });
  const [line] = await Promise.race([once(hosts.stdout, 'data'), once(hosts, 'exit')]);
  if (!Buffer.isBuffer(line)) throw new Error(`the simulated hosts ended with ${line}`);
  return { hosts, inventory: line.toString('utf8').trim() };
}

async function makeCache() {
  const folder = await mkdtemp(join(tmpdir(), 'lbctl-build-'));
  let hosts = null;
  try {
    const pair = await simulatedPair(folder);
    hosts = pair.hosts;
    const warm = spawn(process.execPath, ['-e', WARM, join(outdir, `${name}.cjs`), pair.inventory], {
      env: { PATH: process.env.PATH, HOME: folder },
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: 30_000,
    });
    let said = '';
    warm.stderr.on('data', (chunk) => {
      said += chunk;
    });
    const [status] = await once(warm, 'close');
    if (status !== 0) throw new Error(`exit code ${status}: ${said}`);
  } catch (error) {
    process.stderr.write(`lbctl will start slowly, its code cache is not whole: ${error}\n`);
  } finally {
    hosts?.stdin.end();
    await rm(folder, { recursive: true, force: true });
  }
}

await writeFile(join(outdir, 'package.json'), '{ "type": "commonjs" }\n');
await makeCache();
await writeFile(join(outdir, 'main.js'), MAIN);
await chmod(join(outdir, 'main.js'), 0o755);
