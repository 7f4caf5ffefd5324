/**
 * The command line: a role to run, or something to ask of one that runs. Imports only what the command needs.
 *
 * The only file that imports commander. Results go to standard output, everything said to people to standard error.
 * Exit codes: 0 done, 1 it failed and says why, 2 the command was not understood.
 */
import { hostname as systemHostname } from 'node:os';
import { Command, CommanderError, Option } from 'commander';
import { codeOf, Fault } from '#lib/run/fault.ts';
import { userName } from '#lib/run/user-name.ts';
import { version } from '#lib/run/version.ts';
import type { EgressFlags } from '#mta/roles/egress-settings.ts';
import type { ProvisionFlags } from '#mta/roles/provision-command.ts';
import type { DomainFlags } from '#mta/watch/domain.ts';
import type { ExplainFlags } from '#mta/watch/explain.ts';
import type { AuditFlags, ChoiceFlags, SuspendFlags } from '#mta/watch/operate.ts';
import type { QueueFlags } from '#mta/watch/queue.ts';
import type { ReturnedFlags } from '#mta/watch/returned.ts';
import type { SendFlags } from '#mta/watch/send.ts';
import type { SupportDumpFlags } from '#mta/watch/support-dump.ts';
import type { SuppressFlags } from '#mta/watch/suppress.ts';
import type { TopFlags } from '#mta/watch/top.ts';
import type { TraceFlags } from '#mta/watch/trace.ts';
import { OPERATOR_FLAGS } from '#operator/flags.ts';
import type { OperatorFlags } from '#operator/settings.ts';
import { ADMIN_FLAGS, isByKube } from '#mta/watch/admin-flags.ts';
import { CHOICE_FLAGS } from '#mta/watch/choice-flags.ts';
import { SEND_FLAGS } from '#mta/watch/send-flags.ts';
import { EGRESS_FLAGS } from '#mta/roles/egress-flags.ts';
import { ROLE_FLAGS, type RoleFlag, STANDALONE_FLAGS } from '#mta/roles/role-flags.ts';
import { type ClusterFlags, dataFolderOf, EXAMPLE, type StandaloneFlags } from '#mta/roles/settings.ts';

const say = (line: string): void => void process.stderr.write(`${line}\n`);
const print = (text: string): void => void process.stdout.write(`${text}\n`);
const terminal = { say, exit: (code: number) => process.exit(code), environment: process.env };

const opened = new DisposableStack();

const program = new Command('postfleet')
  .description('Sends mail for people who send a lot of it.')
  .version(version())
  .exitOverride()
  .showHelpAfterError();

/** Options that are said elsewhere. */
function taking(command: Command, flags: readonly (RoleFlag & { readonly variable?: string })[]): Command {
  for (const { flag, does, standard, isRequired = false, variable } of flags) {
    const option = new Option(flag, does).default(standard).makeOptionMandatory(isRequired);
    command.addOption(variable === undefined ? option : option.env(variable));
  }
  return command;
}

taking(program.command('standalone'), STANDALONE_FLAGS)
  .description('run everything on this machine, with the embedded queue')
  .action(async (flags: StandaloneFlags) => {
    const { standaloneCommand } = await import('#mta/roles/standalone-command.ts');
    await standaloneCommand(flags, terminal);
  });

/** One of several processes, with the queue on NATS. */
function role(name: 'ingress' | 'worker', does: string): void {
  const command = taking(program.command(name).description(does), ROLE_FLAGS);
  command.action(async (flags: ClusterFlags) => {
    const { roleCommand } = await import('#mta/roles/role-command.ts');
    await roleCommand(name, flags, terminal);
  });
}

role('ingress', 'take mail, for a queue on NATS; any number may run');
role('worker', 'send mail from a queue on NATS; any number may run');

program
  .command('provision')
  .description('make the keys and secrets that resources call for, for `ingress` and `worker`')
  .requiredOption('--config <folder>', 'resources')
  .requiredOption('--keyring <folder>', 'where they go')
  .action(async (flags: ProvisionFlags) => {
    const { provisionCommand } = await import('#mta/roles/provision-command.ts');
    await provisionCommand(flags, print);
  });

const operator = program
  .command('operator')
  .description('carry out what is declared in a Kubernetes cluster; of several one leads')
  .requiredOption('--namespace <name>', 'its own namespace, where its lease is', process.env['POD_NAMESPACE'])
  .requiredOption('--image <name>', 'the image of the pods it makes', process.env['POSTFLEET_IMAGE'])
  .option('--hostname <name>', 'the host that takes bounces', systemHostname())
  .option('--identity <name>', 'tells it from others that may lead', process.env['POD_NAME'] ?? systemHostname())
  .action(async (flags: OperatorFlags) => {
    const { operatorCommand } = await import('#operator/command.ts');
    await operatorCommand(flags, terminal);
  });
for (const [flag, does, standard] of OPERATOR_FLAGS) operator.addOption(new Option(flag, does).default(standard));

const egress = program
  .command('egress')
  .description('connect to receivers from addresses of this machine, for workers')
  .action(async (flags: EgressFlags) => {
    const { egressCommand } = await import('#mta/roles/egress-command.ts');
    await egressCommand(flags, terminal);
  });
for (const [flag, does, standard] of EGRESS_FLAGS) egress.addOption(new Option(flag, does).default(standard));

const sending = program
  .command('send')
  .description('send a test message to the process that runs here')
  .requiredOption('--to <address...>', 'recipients')
  .option('--data <folder>', 'data folder of that process', dataFolderOf(EXAMPLE))
  .action(async (flags: SendFlags & { data: string; json?: boolean }) => {
    const { sendCommand } = await import('#mta/watch/send.ts');
    await sendCommand(flags.data, flags, flags.json === true, print);
  });
for (const [flag, does, standard] of SEND_FLAGS) sending.addOption(new Option(flag, does).default(standard));

/** A command that asks a process: of a cluster, any. */
function asking(name: string, does: string): Command {
  const command = taking(program.command(name).description(does), ADMIN_FLAGS).option('--json', 'print JSON');
  return command
    .option('--data <folder>', 'data folder of the process', dataFolderOf(EXAMPLE))
    .hook('preAction', async () => {
      if (!isByKube(command.opts())) return;
      const { clusterDoor } = await import('#mta/roles/cluster-door.ts');
      const door = opened.adopt(await clusterDoor(command.opts()), (it) => it.close());
      command.setOptionValue('door', door);
      if (command.getOptionValueSource('metrics') === 'default') command.setOptionValue('metrics', door.metrics);
    });
}

asking('domain', 'show the DNS records of a sending domain: expected, found, and what to change')
  .argument('<name>', 'the domain, such as example.com')
  .option('--check', 'ask DNS now')
  .action(async (name: string, flags: DomainFlags) => {
    const { domainCommand } = await import('#mta/watch/domain.ts');
    await domainCommand(name, flags, print);
  });

asking('trace', 'show every event and reply of one message')
  .argument('<id>', 'its id, as the reply to the final dot gave it')
  .option('--follow', 'go on until every recipient has ended')
  .action(async (id: string, flags: TraceFlags & { follow?: boolean }) => {
    const { followCommand, traceCommand } = await import('#mta/watch/trace.ts');
    const { commandClock } = await import('#lib/run/clock.ts');
    if (flags.follow === true) await followCommand(id, flags, print, commandClock);
    else await traceCommand(id, flags, print);
  });

asking('returned', 'show what came back: what it says, and what it caused')
  .argument('<what>', 'id of a message, a recipient, an address for complaints, postmaster@…')
  .option('--raw <number>', 'print the front of one as it came, by its number in the list')
  .action(async (what: string, flags: ReturnedFlags) => {
    const { returnedCommand } = await import('#mta/watch/returned.ts');
    await returnedCommand(what, flags, print, (bytes) => void process.stdout.write(bytes));
  });

asking('queue', 'show what waits and for what, which sites rest and why, what people and rules hold back')
  .option('--tenant <name>', 'mail of a tenant')
  .option('--domain <name>', 'mail to a domain')
  .option('--site <name>', 'mail to a site')
  .option('--limit <count>', 'rows, the deepest first, at most 500 (default: 20)')
  .option('--whole', 'every row, by tenant and domain; a line of JSON for each with --json')
  .action(async (flags: QueueFlags) => {
    const { queueCommand } = await import('#mta/watch/queue.ts');
    const { systemClock } = await import('#lib/run/clock.ts');
    await queueCommand(flags, print, systemClock.now());
  });

asking('explain', 'show what would happen to mail for a recipient now, and why what waits for it waits')
  .argument('<recipient>', 'someone@example.com')
  .option('--tenant <name>', 'mail of a tenant (default: of each)')
  .option('--domain <name>', 'mail sent as a domain')
  .action(async (recipient: string, flags: ExplainFlags) => {
    const { explainCommand } = await import('#mta/watch/explain.ts');
    await explainCommand(recipient, flags, print);
  });

asking('support-dump', 'put what others need to see to help into a folder or a file, without secrets')
  .requiredOption('--out <path>', 'a new folder, or a new file that ends in .tar.gz')
  .option('--config <folder>', 'its resources')
  .option('--kubernetes', 'resources of all namespaces, by the kubeconfig in use')
  .option('--metrics <url>', 'where its metrics are', 'http://127.0.0.1:9464')
  .option('--log <file...>', 'files with its log')
  .action(async (flags: SupportDumpFlags) => {
    const { supportDumpCommand } = await import('#mta/roles/support-dump-command.ts');
    await supportDumpCommand(flags, say);
  });

/** A command that acts on mail that is chosen by what orders tell it apart by. */
const acting = (name: string, does: string): Command =>
  taking(asking(name, does), CHOICE_FLAGS).option('--by <name>', 'who asks', userName());

acting('suspend', 'hold mail back, what waits and what is to come')
  .requiredOption('--reason <text>', 'shown to everybody who asks why mail waits')
  .option('--for <time>', 'end it after so long: 30m, 2h, 7d (default: until resumed)')
  .action(async (flags: SuspendFlags) => {
    const { suspendCommand } = await import('#mta/watch/operate.ts');
    await suspendCommand(flags, print);
  });

acting('resume', 'end suspensions about no more than what is named, and let go what the queue holds')
  .argument('[id]', 'one suspension')
  .option('--message <id>', 'what the queue holds of one message')
  .action(async (id: string | undefined, flags: ChoiceFlags) => {
    const { resumeCommand } = await import('#mta/watch/operate.ts');
    await resumeCommand(id, flags, print);
  });

const ofMessage = ['--message <id>', 'what waits of one message'] as const;

acting('retry', 'try now what waits, and end the rests of its sites')
  .option(...ofMessage)
  .action(async (flags: ChoiceFlags) => {
    const { retryCommand } = await import('#mta/watch/operate.ts');
    await retryCommand(flags, print);
  });

acting('bounce', 'end what waits as bounced')
  .option(...ofMessage)
  .requiredOption('--reason <text>', 'a part of the reply that events and reports tell')
  .option('--no-report', 'tell no sender')
  .action(async (flags: ChoiceFlags & { reason: string; report: boolean }) => {
    const { bounceCommand } = await import('#mta/watch/operate.ts');
    await bounceCommand(flags, print);
  });

acting('reroute', 'send what waits by another pool; what is to come leaves as its domain says')
  .option(...ofMessage)
  .requiredOption('--to <namespace/name>', 'the pool')
  .action(async (flags: ChoiceFlags & { to: string }) => {
    const { rerouteCommand } = await import('#mta/watch/operate.ts');
    await rerouteCommand(flags, print);
  });

asking('suppress', "keep a tenant's mail from an address or a domain")
  .argument('[subject]', 'someone@example.com, or example.com for all of its addresses')
  .requiredOption('--tenant <name>', 'whose mail')
  .option('--reason <word>', 'invalid-address, mailbox-unavailable, complaint, unsubscribe, manual')
  .option('--expires <time>', 'end it after so long: 30d')
  .option('--remove', 'let mail go there again')
  .option('--list', 'show every entry')
  .option('--by <name>', 'who asks', userName())
  .action(async (subject: string | undefined, flags: SuppressFlags) => {
    const { suppressCommand } = await import('#mta/watch/suppress.ts');
    const { systemClock } = await import('#lib/run/clock.ts');
    await suppressCommand(subject, flags, print, systemClock);
  });

asking('top', 'show what goes on, once a second: rates, what waits and for what, sites')
  .option('--count <looks>', 'end after so many (default: when interrupted)')
  .action(async (flags: TopFlags) => {
    const { topCommand } = await import('#mta/watch/top.ts');
    const { commandClock } = await import('#lib/run/clock.ts');
    await topCommand(flags, process.stdout.isTTY, print, commandClock);
  });

asking('audit', 'show what was done to mail, by whom, the newest first')
  .option('--limit <count>', 'how many', '100')
  .action(async (flags: AuditFlags) => {
    const { auditCommand } = await import('#mta/watch/operate.ts');
    await auditCommand(flags, print);
  });

program
  .command('explain-reply')
  .description('show what a reply of a receiver means: class, outcome, action and the rule that says so')
  .argument('<reply>', "as the receiver gave it: '550 5.1.1 no such user'")
  .requiredOption('--domain <name>', 'domain of the recipient')
  .option('--stage <stage>', 'what was answered: banner, ehlo, mail, rcpt, data, dot', 'rcpt')
  .option('--host <name>', 'the host that answered')
  .option('--config <folder>', 'resources whose policies count too', EXAMPLE)
  .option('--json', 'print JSON')
  .action(
    async (said: string, flags: { domain: string; stage: string; host?: string; config: string; json?: boolean }) => {
      const { explainReplyCommand } = await import('#mta/insight/explain-reply.ts');
      await explainReplyCommand({ ...flags, said }, flags.config, flags.json === true, print);
    },
  );

program
  .command('parse-report')
  .description('show what bounces, complaints and other mail that came back say')
  .argument('<file...>', 'a message each')
  .option('--config <folder>', 'resources whose policies count too', EXAMPLE)
  .option('--json', 'print JSON, a line for each file')
  .action(async (files: string[], flags: { config: string; json?: boolean }) => {
    const { parseReportCommand } = await import('#mta/insight/parse-report.ts');
    await parseReportCommand(files, flags.config, flags.json === true, print);
  });

try {
  await program.parseAsync();
} catch (thrown) {
  if (thrown instanceof CommanderError) process.exit(thrown.exitCode === 0 ? 0 : 2);
  if (!(thrown instanceof Fault)) throw thrown;
  say(`postfleet: ${thrown.message} [${codeOf(thrown)}]`);
  process.exit(1);
} finally {
  opened.dispose();
}
