/**
 * Folders become an image in OCI layout, in one tar: what `ctr image import`, `podman load`, `docker load` and `skopeo copy` read.
 *
 * The same folders are the same bytes: names in order, no owner but root, no time but the epoch. Needs GNU tar.
 */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { imageConfig, type Machine, USER } from './config.ts';
import type { Tree } from './tree.ts';

const TYPES = {
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layer: 'application/vnd.oci.image.layer.v1.tar+gzip',
} as const;

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

const SAME = ['--sort=name', '--mtime=@0', '--numeric-owner', '--format=gnu'];
const digestOf = (bytes: Buffer): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

/** A layout that grows, in a folder. */
export class Layout {
  readonly #folder: string;
  readonly #blobs: string;
  readonly #kept: string;
  readonly #images: object[] = [];

  /** `kept` outlives it: what was compressed once is there the next time. */
  constructor(folder: string, kept: string) {
    this.#folder = folder;
    this.#kept = kept;
    this.#blobs = join(folder, 'blobs/sha256');
    mkdirSync(this.#blobs, { recursive: true });
  }

  /** An image for one machine. */
  add(machine: Machine, version: string, { runtime, app }: Tree): void {
    const tars = [this.#tarOf(runtime, writable), this.#tarOf(app)] as const;
    // The code is another each time, and small.
    const layers = [this.#compressed(tars[0]), gzipSync(tars[1])].map((it) => this.#blob(TYPES.layer, it));
    const described = imageConfig({ machine, version, unpacked: tars.map(digestOf) });
    const config = this.#json(TYPES.config, described);
    const manifest = this.#json(TYPES.manifest, { schemaVersion: 2, mediaType: TYPES.manifest, config, layers });
    this.#images.push({ ...manifest, platform: { os: 'linux', architecture: machine } });
  }

  /** One tar of all that was added, under a name: `postfleet:1.0.0`. */
  write(file: string, name: string): void {
    const annotations = {
      'io.containerd.image.name': `docker.io/library/${name}`,
      'org.opencontainers.image.ref.name': name.replace(/.*:/, ''),
    };
    const [only] = this.#images;
    const all = { schemaVersion: 2, mediaType: TYPES.index, manifests: this.#images };
    const named = this.#images.length === 1 ? only : this.#json(TYPES.index, all);
    const index = { schemaVersion: 2, mediaType: TYPES.index, manifests: [{ ...named, annotations }] };
    writeFileSync(join(this.#folder, 'index.json'), JSON.stringify(index));
    writeFileSync(join(this.#folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
    const parts = ['oci-layout', 'index.json', 'blobs'];
    execFileSync('tar', [
      ...SAME,
      '--owner=0',
      '--group=0',
      '--mode=u=rwX,go=rX',
      '-cf',
      file,
      '-C',
      this.#folder,
      ...parts,
    ]);
  }

  #tarOf(folder: string, more?: (file: string) => void): Buffer {
    const file = join(this.#folder, 'layer.tar');
    execFileSync('tar', [...SAME, '--owner=0', '--group=0', '--mode=u=rwX,go=rX', '-cf', file, '-C', folder, '.']);
    more?.(file);
    const bytes = readFileSync(file);
    rmSync(file);
    return bytes;
  }

  #compressed(tar: Buffer): Buffer {
    const file = join(this.#kept, `${digestOf(tar).slice('sha256:'.length)}.gz`);
    if (existsSync(file)) return readFileSync(file);
    const bytes = gzipSync(tar);
    writeFileSync(`${file}.${process.pid}`, bytes);
    renameSync(`${file}.${process.pid}`, file);
    return bytes;
  }

  #json(mediaType: string, value: object): Descriptor {
    return this.#blob(mediaType, Buffer.from(JSON.stringify(value)));
  }

  #blob(mediaType: string, bytes: Buffer): Descriptor {
    const digest = digestOf(bytes);
    writeFileSync(join(this.#blobs, digest.slice('sha256:'.length)), bytes);
    return { mediaType, digest, size: bytes.length };
  }
}

/** Folders for volumes, where there are any: what is temporary, and what standalone keeps. */
function writable(file: string): void {
  const parent = `${file}.folders`;
  for (const [name, mode, owner] of [
    ['tmp', '1777', 0],
    ['data', '0700', USER],
  ] as const) {
    mkdirSync(join(parent, name), { recursive: true });
    execFileSync('tar', [
      ...SAME,
      `--owner=${owner}`,
      `--group=${owner}`,
      `--mode=${mode}`,
      '-rf',
      file,
      '-C',
      parent,
      `./${name}`,
    ]);
  }
  rmSync(parent, { recursive: true });
}
