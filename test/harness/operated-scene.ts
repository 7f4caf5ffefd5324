/**
 * A control plane with an operator of all namespaces as a real process, and the name server that it asks. All of it ends with the stage.
 */
import { Operated } from './operated.ts';
import { type OperatorProcess, startOperatorProcess } from './operator.ts';
import type { Stage } from './stage.ts';
import { Zone } from './zone.ts';

interface OperatedScene {
  readonly site: Operated;
  readonly zone: Zone;
  readonly operator: OperatorProcess;
}

/** `flags`: further ones of the API server. */
export async function operatedScene(
  stage: Stage,
  namespaces: Iterable<string>,
  flags: readonly string[] = [],
): Promise<OperatedScene> {
  const [site, zone] = await Promise.all([Operated.start(stage, flags), Zone.serve()]);
  stage.adopt({
    close: async () => {
      zone.close();
      site.close();
    },
  });
  for (const namespace of namespaces) await site.namespace(namespace);
  return { site, zone, operator: await startOperatorAsking(stage, site, zone) };
}

/** One that asks the name server. */
export const startOperatorAsking = (stage: Stage, site: Operated, zone: Zone): Promise<OperatorProcess> =>
  startOperatorProcess(stage, site.plane, { flags: ['--resolver', zone.address, '--hostname', 'mx.mail.test'] });
