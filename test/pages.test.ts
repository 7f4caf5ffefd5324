/**
 * Pages about operating, held against what they speak of: every alert has a runbook, every command exists, every link leads somewhere.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import type { Alert, Declaration } from '#lib/metric/declaration.ts';
import { processAlerts } from '#lib/metric/running.ts';
import { declared } from '#lib/run/metrics.ts';
import { ADMIN_FLAGS } from '#mta/watch/admin-flags.ts';
import { CHOICE_FLAGS } from '#mta/watch/choice-flags.ts';

const ROOT = fileURLToPath(new URL('../', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const PAGES = ['README.md', ...['docs', 'docs/operations'].flatMap(pagesIn)];

function pagesIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder)).flatMap((it) => (it.endsWith('.md') ? [`${folder}/${it}`] : []));
}

const alerts: readonly Alert[] = [
  ...Object.values(declared).flatMap((it) => Object.values<Declaration>(it).map(({ alert }) => alert)),
  ...Object.values(processAlerts),
];

test('every alert has a runbook, and every runbook an alert that is there', () => {
  const names = alerts.flatMap((it) => ('name' in it ? [it.name] : []));
  const told = [...read('docs/operations/runbooks.md').matchAll(/`(Postfleet[A-Za-z]+)`/g)].map(([, name]) => name);
  expect(new Set(told)).toEqual(new Set(names));
});

const commandLine = read('postfleet.ts');
const flagsOfCommander = ['--help'];
const commands = new Set(
  [...commandLine.matchAll(/(?:command|role|asking|acting)\(\s*'([a-z-]+)'/g)].map(([, name]) => name),
);
const said = [
  commandLine,
  read('mta/roles/role-flags.ts'),
  read('mta/watch/send-flags.ts'),
  read('mta/roles/egress-flags.ts'),
  read('operator/flags.ts'),
];
const flags = new Set(said.flatMap((text) => [...text.matchAll(/'(--[a-z-]+)/g)].map(([, flag]) => flag)));
for (const it of flagsOfCommander) flags.add(it);
for (const { flag } of [...ADMIN_FLAGS, ...CHOICE_FLAGS]) flags.add(flag.split(' ')[0]);

test.each(PAGES)('what %s has people type exists', (page) => {
  // Continued lines are one, and what is piped or chained is another's.
  const text = read(page).replaceAll('\\\n', ' ');
  const wrong = [...text.matchAll(/(?:npx |^|`)postfleet ([a-z][a-z-]*)([^`\n|;&]*)/gm)].flatMap(
    ([whole, name, rest = '']) => {
      const unknown = [...rest.matchAll(/(?<= )--[a-z][a-z-]*/g)].map(([flag]) => flag).filter((it) => !flags.has(it));
      return commands.has(name) && unknown.length === 0 ? [] : [`${whole}: ${unknown.join(' ')}`];
    },
  );
  expect(wrong).toEqual([]);
});

test.each(PAGES)('links of %s lead somewhere', (page) => {
  const links = [...read(page).matchAll(/\]\(((?!https?:)[^)#]+)[^)]*\)/g)].map(([, path = '']) => path);
  expect(links.filter((it) => !existsSync(join(ROOT, dirname(page), it)))).toEqual([]);
});
