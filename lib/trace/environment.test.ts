import { expect, test } from 'vitest';
import { samplingOf } from './environment.ts';

const ON = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' };

test.each([
  ['nothing is set', {}],
  ['the endpoint is empty', { OTEL_EXPORTER_OTLP_ENDPOINT: '' }],
  ['only a sampler is named', { OTEL_TRACES_SAMPLER: 'always_on' }],
  ['the SDK is disabled', { ...ON, OTEL_SDK_DISABLED: 'TRUE' }],
  ['traces go nowhere', { ...ON, OTEL_TRACES_EXPORTER: 'none' }],
])('tracing is off when %s', (_, env) => {
  expect(samplingOf(env)).toBeUndefined();
});

test.each([
  ['', undefined, { share: 1, byParent: true }],
  ['always_on', undefined, { share: 1, byParent: false }],
  ['always_off', undefined, { share: 0, byParent: false }],
  ['traceidratio', '0.25', { share: 0.25, byParent: false }],
  ['parentbased_always_off', undefined, { share: 0, byParent: true }],
  ['parentbased_traceidratio', '0.01', { share: 0.01, byParent: true }],
  ['parentbased_traceidratio', undefined, { share: 1, byParent: true }],
])('sampler %j with %j', (OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG, sampling) => {
  expect(samplingOf({ ...ON, OTEL_TRACES_SAMPLER, OTEL_TRACES_SAMPLER_ARG })).toEqual(sampling);
});

test('traces may have an endpoint of their own', () => {
  expect(samplingOf({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'https://traces.test/v1/traces' })).toBeDefined();
});

test.each([
  ['OTEL_EXPORTER_OTLP_ENDPOINT', { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector' }],
  ['OTEL_EXPORTER_OTLP_PROTOCOL', { ...ON, OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }],
  ['OTEL_TRACES_SAMPLER', { ...ON, OTEL_TRACES_SAMPLER: 'jaeger_remote' }],
  ['OTEL_TRACES_SAMPLER_ARG', { ...ON, OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '2' }],
  ['OTEL_TRACES_SAMPLER_ARG', { ...ON, OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: ' ' }],
])('what cannot be followed names its variable: %s', (variable, env) => {
  expect(() => samplingOf(env)).toThrow(
    expect.objectContaining({ code: 'bad-setting', message: expect.stringContaining(variable) }),
  );
});
