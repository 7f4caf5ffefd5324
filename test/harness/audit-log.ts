/**
 * What an API server notes of everything that is written to it, and by whom: also of what it refuses, or what changes nothing.
 */
import { closeSync, existsSync, openSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Stage } from './stage.ts';

export interface AuditedWrite {
  readonly user: string;
  readonly verb: string;
  /** `secrets`, `sendingdomains/status`. */
  readonly resource: string;
  readonly name: string;
  /** When it was answered. */
  readonly at: number;
}

interface Entry {
  readonly verb: string;
  readonly user: { readonly username: string };
  readonly objectRef?: { readonly resource?: string; readonly subresource?: string; readonly name?: string };
  readonly stageTimestamp: string;
}

const POLICY = {
  apiVersion: 'audit.k8s.io/v1',
  kind: 'Policy',
  omitStages: ['RequestReceived'],
  rules: [{ level: 'Metadata', verbs: ['create', 'update', 'patch', 'delete', 'deletecollection'] }, { level: 'None' }],
};
const CHUNK = 1 << 20;

export class AuditLog {
  /** For the API server. */
  readonly flags: readonly string[];
  readonly #file: string;
  readonly #writes: AuditedWrite[] = [];
  /** How much of the file was read. */
  #read = 0;
  /** The beginning of a line whose end is not written yet. */
  #rest: Buffer = Buffer.alloc(0);

  constructor(stage: Stage) {
    const folder = stage.folder('audit');
    const policy = join(folder, 'policy.json');
    this.#file = join(folder, 'log');
    writeFileSync(policy, JSON.stringify(POLICY));
    this.flags = [`--audit-policy-file=${policy}`, `--audit-log-path=${this.#file}`];
  }

  /** Everything so far. Leases are written all the time, and left out. */
  get writes(): readonly AuditedWrite[] {
    if (existsSync(this.#file)) this.#readOn();
    return this.#writes;
  }

  #readOn(): void {
    const descriptor = openSync(this.#file, 'r');
    const chunk = Buffer.alloc(CHUNK);
    for (let length = CHUNK; length === CHUNK;) {
      length = readSync(descriptor, chunk, 0, CHUNK, this.#read);
      this.#read += length;
      this.#take(Buffer.concat([this.#rest, chunk.subarray(0, length)]));
    }
    closeSync(descriptor);
  }

  #take(bytes: Buffer): void {
    const end = bytes.lastIndexOf('\n') + 1;
    this.#rest = bytes.subarray(end);
    const lines = bytes.toString('utf8', 0, end).split('\n').filter(Boolean);
    const writes = lines.map((it) => writeIn(JSON.parse(it) as Entry));
    this.#writes.push(...writes.filter(({ resource }) => resource !== 'leases'));
  }
}

function writeIn({ verb, user, objectRef = {}, stageTimestamp }: Entry): AuditedWrite {
  const { resource = '', subresource, name = '' } = objectRef;
  const whole = subresource === undefined ? resource : `${resource}/${subresource}`;
  return { user: user.username, verb, resource: whole, name, at: Date.parse(stageTimestamp) };
}

/** `patch deployments main-worker`. */
export const writeLine = ({ verb, resource, name }: AuditedWrite): string => `${verb} ${resource} ${name}`;
