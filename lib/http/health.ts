/**
 * What monitoring asks: is the process alive, is it ready for mail, and its metrics.
 */
import { json, type Route } from './server.ts';
import { metricsPage } from '../run/metrics.ts';

/** Whether something works now, and if not, why. */
export type Readiness = () => readonly { readonly part: string; readonly ready: boolean; readonly reason?: string }[];

export function healthRoutes(readiness: Readiness): Route[] {
  return [
    { method: 'GET', path: '/healthz', handle: async () => json({ alive: true }) },
    {
      method: 'GET',
      path: '/readyz',
      handle: async () => {
        const parts = readiness();
        const ready = parts.every((it) => it.ready);
        return json({ ready, parts }, ready ? 200 : 503);
      },
    },
    {
      method: 'GET',
      path: '/metrics',
      handle: async () => {
        const { contentType, text } = await metricsPage();
        return { status: 200, contentType, body: text };
      },
    },
  ];
}
