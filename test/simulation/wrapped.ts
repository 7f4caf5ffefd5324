/**
 * A queue with some of its calls put in place of its own: for what a simulation must know, and for bugs that are planted.
 */
import type { Queue } from '#mta/queue/queue.ts';

export const wrapped = (queue: Queue, over: Partial<Queue>): Queue =>
  new Proxy(queue, {
    get: (target, name) => {
      const own: unknown = Reflect.get(over, name) ?? Reflect.get(target, name);
      return typeof own === 'function' ? own.bind(target) : own;
    },
  });
