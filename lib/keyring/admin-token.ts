/**
 * The token of the admin API that all processes of a cluster share, where there is an operator: names and places. Pure.
 *
 * It is no key of mail: its Secret is read by people who may, and mounted beside the keyring. Made by the operator, compared by each process.
 */
import { join } from 'node:path';
import { keyringFolder } from './surroundings.ts';

/** Name of the Secret after the cluster's, its key, and the file that it becomes in the folder of the keyring. */
export const ADMIN_TOKEN = { secret: 'admin-token', key: 'token', path: 'admin/token' } as const;

/** 256 bits. */
export const ADMIN_TOKEN_BYTES = 32;

/** Name of the Secret of a cluster. */
export const adminTokenSecret = (cluster: string): string => `${cluster}-${ADMIN_TOKEN.secret}`;

/** Where a process finds it: `folder` is that of `--keyring`. */
export const mountedToken = (folder: string): string => join(keyringFolder(folder), ADMIN_TOKEN.path);
