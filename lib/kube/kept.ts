/**
 * What is kept of an object that the server sends. Pure.
 *
 * Who wrote which field is most of an object's size, and nothing here reads it. Of an outline, of which there may be very many, only what
 * tells one state of an object from another is kept; the server sends no more of it than its metadata.
 */
import type { KubeObject } from './kube.ts';

/** The form to be asked for. */
export const acceptOutline = (of: 'List' | '' = ''): string =>
  `application/json;as=PartialObjectMetadata${of};g=meta.k8s.io;v=v1`;

export const keeping = (isOutline: boolean): ((object: KubeObject) => KubeObject) =>
  isOutline ? outlineOf : withoutManagedFields;

function withoutManagedFields(object: KubeObject): KubeObject {
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function outlineOf({ apiVersion, kind, metadata }: KubeObject): KubeObject {
  const { name, namespace = '', uid = '', resourceVersion = '' } = metadata;
  return { apiVersion, kind, metadata: { name, namespace, uid, resourceVersion } };
}
