/**
 * `Kube` on a real API server, by its HTTP interface, on plain JSON.
 *
 * Raw JSON and not the typed clients of the library: those drop fields they do not know and send patches as something
 * else than they are (decision 40).
 */
import type { Clock } from '#lib/run/clock.ts';
import { Fault } from '#lib/run/fault.ts';
import type { Random } from '#lib/run/random.ts';
import type { KubeAccess } from './access.ts';
import { Exchange, type KubeAnswer, type KubeRequest } from './exchange.ts';
import type {
  Kube,
  KubeDeleteOptions,
  KubeDeleted,
  KubeEvent,
  KubeListing,
  KubeObject,
  KubePlace,
  KubeScope,
  KubeType,
  KubeWriteOptions,
  KubeWritten,
} from './kube.ts';
import { pathTo } from './path.ts';
import { acceptOutline, keeping } from './kept.ts';
import { watchEvents } from './watching.ts';

/** What is read of a page is there several times over: as bytes, as text, as objects. */
const PAGE = '200';
/** How often a list is begun anew because its next page was forgotten. */
const TRIES_TO_LIST = 3;
/** JSON is YAML, and the server asks for this name. */
const APPLY = 'application/apply-patch+yaml';
/** A field that the type does not have is a mistake of ours, and would be dropped in silence. */
const STRICT = 'Strict';

export class ApiServer implements Kube {
  readonly #exchange: Exchange;
  readonly #clock: Clock;
  readonly #random: Random;

  constructor(access: KubeAccess, clock: Clock, random: Random) {
    this.#exchange = new Exchange(access, clock);
    this.#clock = clock;
    this.#random = random;
  }

  async get({ type, namespace, name }: KubePlace): Promise<KubeObject | undefined> {
    const answer = await this.#exchange.ask({ method: 'GET', path: pathTo(type, namespace, name) });
    if (answer.status === 404) return undefined;
    return objectOf(done(answer), type);
  }

  async list(type: KubeType, scope: KubeScope = {}, signal?: AbortSignal): Promise<KubeListing> {
    for (let tries = 1; tries <= TRIES_TO_LIST; tries += 1) {
      const listing = await this.#listOnce(type, scope, signal);
      if (listing !== 'expired') return listing;
    }
    throw new Fault('kube-busy', `The list of ${type.plural} changes faster than it is read. It is tried again.`);
  }

  async *watch(type: KubeType, scope: KubeScope, since: string, signal: AbortSignal): AsyncIterable<KubeEvent> {
    yield* watchEvents(this.#exchange, this.#clock, this.#random, { type, scope, since, signal }, done);
  }

  async create(type: KubeType, object: KubeObject, options: KubeWriteOptions = {}): Promise<KubeWritten> {
    const path = pathTo(type, object.metadata.namespace);
    const form = options.isOutline === true ? { accept: acceptOutline() } : {};
    return this.#write({ method: 'POST', path, query: writeQuery(options), body: object, ...form }, type);
  }

  async apply(
    type: KubeType,
    object: KubeObject,
    manager: string,
    options: KubeWriteOptions = {},
  ): Promise<KubeWritten> {
    const query = { ...writeQuery(options), fieldManager: manager };
    return this.#apply(type, object, query, options.isOutline === true ? { accept: acceptOutline() } : {});
  }

  async applyStatus(type: KubeType, object: KubeObject, manager: string): Promise<KubeWritten> {
    return this.#apply(type, object, { fieldValidation: STRICT, fieldManager: manager }, {}, 'status');
  }

  async replace(type: KubeType, object: KubeObject): Promise<KubeWritten> {
    const path = pathTo(type, object.metadata.namespace, object.metadata.name);
    return this.#write({ method: 'PUT', path, query: writeQuery({}), body: object }, type);
  }

  async delete({ type, namespace, name }: KubePlace, options: KubeDeleteOptions = {}): Promise<KubeDeleted> {
    const body = { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy: 'Background', preconditions: options };
    const answer = await this.#exchange.ask({ method: 'DELETE', path: pathTo(type, namespace, name), body });
    if (answer.status === 404) return 'missing';
    if (answer.status === 409) return 'conflict';
    done(answer);
    return 'deleted';
  }

  close(): void {
    this.#exchange.close();
  }

  async #apply(
    type: KubeType,
    object: KubeObject,
    query: Readonly<Record<string, string | undefined>>,
    form: Pick<KubeRequest, 'accept'>,
    subresource?: string,
  ): Promise<KubeWritten> {
    const path = pathTo(type, object.metadata.namespace, object.metadata.name, subresource);
    const body = {
      method: 'PATCH',
      path,
      query: { ...query, force: 'true' },
      body: object,
      contentType: APPLY,
      ...form,
    } as const;
    return this.#write(body, type);
  }

  async #write(request: KubeRequest, type: KubeType): Promise<KubeWritten> {
    return written(await this.#exchange.ask(request), type);
  }

  /** All pages of one moment, or word that the server has forgotten that moment. */
  async #listOnce(
    type: KubeType,
    { namespace, isOutline = false, ...selectors }: KubeScope,
    signal?: AbortSignal,
  ): Promise<KubeListing | 'expired'> {
    const objects: KubeObject[] = [];
    const [kept, path] = [keeping(isOutline), pathTo(type, namespace)];
    const form = isOutline ? { accept: acceptOutline('List') } : {};
    for (let token: string | undefined = ''; ;) {
      const query = { ...selectors, limit: PAGE, continue: token === '' ? undefined : token };
      const answer = await this.#exchange.ask({ method: 'GET', path, query, ...form }, signal);
      if (answer.status === 410) return 'expired';
      const { items, metadata } = done(answer) as { items?: object[]; metadata?: Record<string, string | undefined> };
      for (const item of items ?? []) objects.push(kept(objectOf(item, type)));
      token = metadata?.['continue'];
      if (!token) return { objects, resourceVersion: metadata?.['resourceVersion'] ?? '' };
    }
  }
}

const writeQuery = ({ dryRun }: KubeWriteOptions): Record<string, string | undefined> => ({
  fieldValidation: STRICT,
  dryRun: dryRun ? 'All' : undefined,
});

/** The server leaves version and kind out of what it lists, and calls an outline by another name. */
function objectOf(body: object, { group, version, kind }: KubeType): KubeObject {
  const said = { apiVersion: group === '' ? version : `${group}/${version}`, kind };
  const isOutline = 'kind' in body && body.kind === 'PartialObjectMetadata';
  return (isOutline ? { ...body, ...said } : { ...said, ...body }) as KubeObject;
}

/** Of the status that the server sends with what it does not do. */
function wordOf(body: KubeAnswer['body'], field: string): string {
  const value = body[field];
  return typeof value === 'string' ? value : '';
}

/** The body of an answer that is what was asked for; any other is a fault. */
function done({ status, body }: KubeAnswer): KubeAnswer['body'] {
  if (status >= 200 && status < 300) return body;
  const message = wordOf(body, 'message') || `status ${status}`;
  if (status === 401 || status === 403)
    throw new Fault('kube-denied', `The API server does not allow it: ${message}. Grant it to this account.`);
  if (status === 404) throw new Fault('kube-unknown', `The API server does not know it: ${message}. Install the CRDs.`);
  throw new Fault('kube-busy', `The API server answers ${status}: ${message}. It is tried again.`);
}

/** A value that the server cannot read, such as a quantity of `much`: in an apply it calls that a failure of its own. */
const UNREADABLE = /^failed to (convert new object|create typed patch object)/;

function written(answer: KubeAnswer, type: KubeType): KubeWritten {
  const { status, body } = answer;
  const [message, reason] = [wordOf(body, 'message'), wordOf(body, 'reason')];
  if (status === 409) return reason === 'AlreadyExists' ? { kind: 'exists' } : { kind: 'conflict', message };
  if (status === 404) return { kind: 'missing', message };
  const isLater = status === 401 || status === 408 || status === 429;
  const isUnreadable = status === 500 && UNREADABLE.test(message);
  if ((status >= 400 && status < 500 && !isLater) || isUnreadable)
    return { kind: 'refused', code: status, reason, message };
  return { kind: 'written', object: objectOf(done(answer), type) };
}
