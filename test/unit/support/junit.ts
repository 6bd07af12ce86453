import { spawnSync } from 'node:child_process';

/** What expat, a strict parser, makes of a document: tags, attributes and texts with all entities resolved. */
interface Element {
  readonly tag: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly text: string;
  readonly children: readonly Element[];
}

const PARSE = `
import json, sys, xml.etree.ElementTree as tree
def told(it):
    return {"tag": it.tag, "attributes": it.attrib, "text": it.text or "", "children": [told(x) for x in it]}
print(json.dumps(told(tree.fromstring(sys.stdin.buffer.read()))))
`;

const COUNTS = { tests: /^\d+$/, failures: /^\d+$/, errors: /^\d+$/, time: /^\d+\.\d{3}$/ };

/** What the schemas of Ant and Jenkins agree on. */
const RULES: Readonly<
  Record<
    string,
    { readonly children: readonly string[]; readonly attributes: Readonly<Record<string, RegExp>> }
  >
> = {
  testsuites: { children: ['testsuite'], attributes: { name: /./, ...COUNTS } },
  testsuite: {
    children: ['testcase'],
    attributes: { name: /./, ...COUNTS, skipped: /^\d+$/, timestamp: /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/ },
  },
  testcase: {
    children: ['failure', 'system-out'],
    attributes: { classname: /./, name: /./, time: COUNTS.time },
  },
  failure: { children: [], attributes: { type: /./, message: /./ } },
  'system-out': { children: [], attributes: {} },
};

/** Parses a JUnit report and throws where it breaks a rule; returns its test cases. */
export function readJunit(xml: string): { readonly name: string; readonly failure: string | null }[] {
  const parsed = spawnSync('python3', ['-c', PARSE], { input: xml, encoding: 'utf8', timeout: 20_000 });
  if (parsed.status !== 0) throw new Error(`not well-formed: ${parsed.stderr}`);
  const root = JSON.parse(parsed.stdout) as Element;
  if (root.tag !== 'testsuites') throw new Error(`the root is ${root.tag}`);
  check(root);
  for (const it of [root, ...root.children]) {
    const cases = all(it, 'testcase');
    const sums = [cases.length, cases.filter((each) => all(each, 'failure').length === 1).length];
    const { tests, failures } = it.attributes;
    if (sums.join() !== `${tests},${failures}`)
      throw new Error(`${it.tag}: ${tests}, ${failures}, not ${sums}`);
  }
  return all(root, 'testcase').map((it) => ({
    name: it.attributes.name ?? '',
    failure: it.children.find(({ tag }) => tag === 'failure')?.text ?? null,
  }));
}

function check({ tag, attributes, children }: Element): void {
  const rule = RULES[tag];
  if (rule === undefined) throw new Error(`no such element: ${tag}`);
  const [has, wants] = [Object.keys(attributes).sort(), Object.keys(rule.attributes).sort()];
  if (has.join() !== wants.join()) throw new Error(`${tag}: ${has}, not ${wants}`);
  for (const [name, value] of Object.entries(attributes)) {
    if (!rule.attributes[name]?.test(value)) throw new Error(`${tag}: ${name}="${value}"`);
  }
  for (const child of children) {
    if (!rule.children.includes(child.tag)) throw new Error(`${child.tag} in ${tag}`);
    check(child);
  }
}

function all(element: Element, tag: string): Element[] {
  return element.children.flatMap((it) => (it.tag === tag ? [it] : all(it, tag)));
}
