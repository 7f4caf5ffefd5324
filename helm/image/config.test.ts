import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { EXECUTION, HOME, USER } from './config.ts';

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

test('Node gets the flags that the launcher gives it', () => {
  const [, launched = ''] = /exec "\$node" (.*) "\$root\/postfleet\.ts"/.exec(textOf('postfleet')) ?? [];
  expect(EXECUTION.Entrypoint.slice(1, -1)).toEqual(launched.split(' '));
});

test('it is run by who runs the pods', () => {
  expect(textOf('operator/workload/pod.ts')).toContain('const ME = 65_532;');
  expect(textOf('helm/postfleet/templates/operator.yaml')).toContain(`runAsUser: ${USER}`);
  expect(HOME).not.toContain('node_modules');
});
