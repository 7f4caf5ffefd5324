/**
 * Whether spans are told, and of how many messages, by the variables OpenTelemetry has for it. Pure.
 *
 * Where they go, with which headers and certificates, the exporter reads by itself (`OTEL_EXPORTER_OTLP_…`).
 */
import { Fault } from '../run/fault.ts';
import type { Sampling } from './tracer.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Undefined: off. Fault `bad-setting` for what cannot be followed. */
export function samplingOf(env: Environment): Sampling | undefined {
  const endpoint = env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  const isOff = env['OTEL_SDK_DISABLED']?.toLowerCase() === 'true' || env['OTEL_TRACES_EXPORTER'] === 'none';
  if (!endpoint || isOff) return undefined;
  if (!URL.canParse(endpoint)) throw bad('OTEL_EXPORTER_OTLP_ENDPOINT', 'must be a URL, such as http://127.0.0.1:4318');
  const protocol = env['OTEL_EXPORTER_OTLP_TRACES_PROTOCOL'] || env['OTEL_EXPORTER_OTLP_PROTOCOL'];
  if (protocol === 'grpc')
    throw bad('OTEL_EXPORTER_OTLP_PROTOCOL', 'cannot be grpc: spans go as JSON by HTTP, to port 4318');
  return samplerOf(env['OTEL_TRACES_SAMPLER'] || 'parentbased_always_on', env['OTEL_TRACES_SAMPLER_ARG']);
}

const SAMPLERS = ['always_on', 'always_off', 'traceidratio'];
const BY_PARENT = 'parentbased_';

function samplerOf(name: string, argument = '1'): Sampling {
  const byParent = name.startsWith(BY_PARENT);
  const kind = byParent ? name.slice(BY_PARENT.length) : name;
  if (!SAMPLERS.includes(kind))
    throw bad('OTEL_TRACES_SAMPLER', `must be one of ${SAMPLERS.join(', ')}, or parentbased_ and one of them`);
  if (kind !== 'traceidratio') return { share: kind === 'always_on' ? 1 : 0, byParent };
  const share = argument.trim() === '' ? Number.NaN : Number(argument);
  if (!(share >= 0 && share <= 1)) throw bad('OTEL_TRACES_SAMPLER_ARG', 'must be a number from 0 to 1');
  return { share, byParent };
}

const bad = (variable: string, what: string): Fault => new Fault('bad-setting', `${variable} ${what}`);
