/**
 * `mutation` and `queue-mutation`: code is made wrong in one place at a time, and some test has to fail (Stryker).
 *
 * Of what decides whether mail is lost, doubled, split, failed or sent too fast, each part against its own tests. A change
 * that no test notices is a promise that no test keeps. Nothing is excluded, not even what makes no difference that could
 * be seen: that is what is left of the percentage. In short some files, chosen so that both together
 * take about a minute and a half.
 */
import { relative } from 'node:path';
import { Stryker } from '@stryker-mutator/core';
import { table } from './page.ts';
import type { Finding, Measurement, Say } from './rounds.ts';

/** In percent, of each part. */
const ASKED = 85;

interface Part {
  readonly name: string;
  /** Patterns. */
  readonly files: readonly string[];
  readonly tests: readonly string[];
}

const PARTS: readonly Part[] = [
  {
    name: 'framing',
    files: ['mta/accept/smtp/{framing,data,text-scan}.ts'],
    tests: ['mta/accept/smtp/{framing,data,text-scan,smuggling}.test.ts'],
  },
  {
    name: 'classify',
    files: ['mta/settle/classify.ts', 'mta/settle/rules/*.ts'],
    tests: ['mta/settle/classify.test.ts', 'mta/settle/rules/*.test.ts'],
  },
  { name: 'retry', files: ['mta/schedule/retry.ts'], tests: ['mta/schedule/retry.test.ts'] },
  {
    name: 'limits',
    files: ['mta/schedule/limits/{local,open-slots}.ts', 'mta/mail/gcra.ts'],
    tests: ['mta/schedule/limits/local.test.ts', 'mta/mail/gcra.test.ts'],
  },
];

/** Several times as much as all others. */
const QUEUE: Part = { name: 'queue', files: ['mta/queue/sqlite/*.ts'], tests: ['mta/queue/**/*.test.ts'] };

const SHORT: readonly Part[] = [
  {
    name: 'some',
    files: ['mta/accept/smtp/framing.ts', 'mta/settle/classify.ts', 'mta/schedule/retry.ts', 'mta/mail/gcra.ts'],
    tests: [
      'mta/accept/smtp/framing.test.ts',
      'mta/settle/classify.test.ts',
      'mta/schedule/retry.test.ts',
      'mta/mail/gcra.test.ts',
    ],
  },
];

const SHORT_QUEUE: Part = {
  name: 'some of the queue',
  files: ['mta/queue/sqlite/{ahead,recent}.ts'],
  tests: ['mta/queue/sqlite/{ahead,recent}.test.ts'],
};

type Mutants = Awaited<ReturnType<Stryker['runMutationTest']>>;
type Status = Mutants[number]['status'];

/** Read by `mutated.config.ts`. */
const TESTS = 'MUTATED_TESTS';
/** To be removed for a proof that believes nothing of the last one. */
const CACHE = '.cache/mutants';

/**
 * In a copy of the sources, by one process. What is known of a mutant is kept while neither its file nor the tests that
 * come by it have changed there, so a proof that was broken off goes on.
 */
async function mutate({ name, files, tests }: Part): Promise<Mutants> {
  process.env[TESTS] = tests.join(' ');
  const stryker = new Stryker({
    mutate: [...files, '!**/*.{test,contract}.ts'],
    testRunner: 'vitest',
    plugins: ['@stryker-mutator/vitest-runner'],
    vitest: { configFile: 'bench/mutated.config.ts', related: false },
    coverageAnalysis: 'perTest',
    incremental: true,
    incrementalFile: `${CACHE}/${name}.json`,
    concurrency: 1,
    timeoutMS: 5000,
    tempDirName: `${CACHE}/sources`,
    ignorePatterns: ['/.cache', '/.data', '/bench/mailbench', '/docs', '/examples'],
    reporters: ['progress-append-only'],
    allowConsoleColors: false,
    // Types are taken away unread; reading the compiler's options would ask for an API that TypeScript 7 has not.
    disableTypeChecks: false,
    tsconfigFile: 'none',
  });
  return stryker.runMutationTest();
}

/** What became of the mutants of a file, or of more. */
interface Tally {
  killed: number;
  timeout: number;
  survived: number;
}

/** A mutant that no test reaches has survived; one that is no code counts for nothing. */
const COUNTED: Partial<Record<Status, keyof Tally>> = {
  Killed: 'killed',
  Timeout: 'timeout',
  Survived: 'survived',
  NoCoverage: 'survived',
};

function tally(mutants: Mutants): Tally {
  const sum: Tally = { killed: 0, timeout: 0, survived: 0 };
  for (const { status } of mutants) {
    const as = COUNTED[status];
    if (as) sum[as] += 1;
  }
  return sum;
}

const sizeOf = ({ killed, timeout, survived }: Tally): number => killed + timeout + survived;

/** NaN of nothing. */
const scoreOf = (it: Tally): number => (100 * (it.killed + it.timeout)) / sizeOf(it);

const rowOf = (name: string, it: Tally): string[] => [
  name,
  ...[sizeOf(it), it.killed, it.survived, it.timeout].map(String),
  scoreOf(it).toFixed(1),
];

const HEAD = ['file', 'mutants', 'killed', 'survived', 'timeout', 'score %'];

function rowsOf({ name }: Part, mutants: Mutants): string[][] {
  const byFile = Map.groupBy(mutants, (it) => it.fileName);
  const files = [...byFile].toSorted(([a], [b]) => (a < b ? -1 : 1));
  return [...files.map(([file, its]) => rowOf(relative('.', file), tally(its))), rowOf(`**${name}**`, tally(mutants))];
}

const faultsOf = ({ name }: Part, mutants: Mutants): string[] => {
  const score = scoreOf(tally(mutants));
  return score >= ASKED ? [] : [`${name}: ${score.toFixed(1)} % of its mutants are noticed, ${ASKED} are asked`];
};

export const measureMutation: Measurement = (isShort, say) => measure(isShort ? SHORT : PARTS, say);
export const measureQueueMutation: Measurement = (isShort, say) => measure([isShort ? SHORT_QUEUE : QUEUE], say);

async function measure(parts: readonly Part[], say: Say): Promise<Finding> {
  const rows: string[][] = [];
  const faults: string[] = [];
  for (const part of parts) {
    const mutants = await mutate(part);
    rows.push(...rowsOf(part, mutants));
    faults.push(...faultsOf(part, mutants));
    say(rowOf(part.name, tally(mutants)).join(' '));
  }
  const about = `Each file is changed in one place at a time, and the tests of its part are run; of each part ${ASKED} % are to be noticed`;
  return { text: table(HEAD, rows), about, faults, page: 'reliability.md' };
}
