/**
 * What people want to hear of a resource when it has changed: how it is on the whole, and which keys begin to sign. Pure.
 *
 * Read off what was written to the status, so that it is told once whoever wrote it; never a secret, because a status has none.
 */
import type { KubeObject } from '#lib/kube/kube.ts';
import type { KubeChange } from '#lib/kube/reflector.ts';
import { conditionsOf } from './controller/status.ts';

export interface Told {
  /** One word in CamelCase. */
  readonly reason: string;
  readonly note: string;
  /** A warning is about what does not come unless somebody does something. */
  readonly type: 'Normal' | 'Warning';
}

export function toldBy(change: KubeChange): Told[] {
  if (change.kind !== 'changed') return [];
  const { before, object } = change;
  return [...turned(before, object), ...newSigners(before, object)];
}

function turned(before: KubeObject, object: KubeObject): Told[] {
  const ready = readyIn(object);
  const was = readyIn(before);
  if (!ready || (was?.status === ready.status && was.reason === ready.reason)) return [];
  const isStalled = conditionsOf(object).some(({ type, status }) => type === 'Stalled' && status === 'True');
  const note = ready.message === '' ? 'everything is as declared' : ready.message;
  return [{ reason: ready.reason, note, type: isStalled ? 'Warning' : 'Normal' }];
}

const readyIn = (object: KubeObject) => conditionsOf(object).find(({ type }) => type === 'Ready');

function newSigners(before: KubeObject, object: KubeObject): Told[] {
  const known = new Set(signersIn(before));
  const fresh = signersIn(object).filter((it) => !known.has(it));
  return fresh.map((selector) => ({
    reason: 'KeyActive',
    note: `the key ${selector} signs at every worker`,
    type: 'Normal',
  }));
}

function signersIn({ status }: KubeObject): readonly string[] {
  const { activeSelectors } = (status ?? {}) as { readonly activeSelectors?: readonly string[] };
  return activeSelectors ?? [];
}
