/**
 * What a metric is declared as: its name, what it means, what its labels can be, and when somebody should be woken.
 *
 * Types, and the check of a value that comes from elsewhere. What is declared is in the files beside this one;
 * `lib/run/metrics.ts` makes metrics of it, and docs/reference/metrics.md and alerts.yaml are written from it.
 */

/** Every value a label can have, with its meaning; or where values come from that nobody outside can add to. */
export type Label =
  | { readonly values: Readonly<Record<string, string>> }
  | { readonly from: string; readonly most: number };

export type Alert =
  | {
      /** Name of the alert. */
      readonly name: string;
      /** PromQL: true when something is wrong. */
      readonly when: string;
      /** How long it has to be true: `5m`. */
      readonly lasts: string;
      /** `page`: somebody is woken. `ticket`: somebody looks by day. */
      readonly severity: 'page' | 'ticket';
      /** What is wrong then, why this threshold, and what to do. */
      readonly why: string;
    }
  /** Why nobody is told. */
  | { readonly none: string };

export interface Declaration {
  readonly name: string;
  /** One sentence. */
  readonly help: string;
  /** What is counted or measured: `recipients`, `seconds`. */
  readonly unit: string;
  readonly labels?: Readonly<Record<string, Label>>;
  /** Of a histogram. */
  readonly buckets?: readonly number[];
  readonly alert: Alert;
}

/** Whose mail it is. */
export const TENANT = { from: 'namespaces that a SendingCredential of the cluster is in', most: 1000 };

/** What the values of a declaration's labels may be, for the compiler: what is not declared cannot be counted. */
export type LabelsOf<D extends Declaration> = {
  readonly [Name in keyof D['labels']]: D['labels'][Name] extends { readonly values: infer Values }
    ? keyof Values
    : string | number;
};

/** A value that comes from elsewhere: itself when it is declared, else `other`, which must be. */
export function oneOf<Value extends string>(
  { values }: { readonly values: Readonly<Record<Value | 'other', string>> },
  text: string,
): Value | 'other' {
  return Object.hasOwn(values, text) ? (text as Value) : 'other';
}
