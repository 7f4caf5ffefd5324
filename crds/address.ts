/**
 * Names and addresses as the resources write them: one spelling each, so that equal text means the same thing.
 *
 * Domain names are lower-case A-labels (RFC 5890), addresses are in their shortest form (RFC 5952), networks are CIDR.
 * Mail addresses, which decide routing, are parsed by `lib/address`; here one is only a place to send a report to.
 */
import { isIP } from 'node:net';
import { type Rule, list, ruled, text } from './schema.ts';

const LABEL = '[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?';
const PORT = '([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])';

/** One DNS label: `main`, `pf-1`. */
export const dnsLabel = (max = 63) =>
  text({
    max,
    pattern: /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
    says: 'must be lower-case letters, digits and hyphens without a dot, such as main-1',
  });

/** The name of a Kubernetes object: labels joined by dots. */
export const objectName = (max = 253) =>
  text({
    max,
    pattern: /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
    says: 'must be lower-case letters, digits, hyphens and dots, such as app or app.example.com',
  });

const DOMAIN = `${LABEL}(\\.${LABEL})*`;
const saysDomain = 'must be a domain name in lower-case A-labels without a final dot, such as mail.example.com';

/** A domain name: `example.com`, `xn--bcher-kva.example`. */
export const domainName = (max = 253) => text({ max, pattern: new RegExp(`^${DOMAIN}$`), says: saysDomain });

/** A domain name, or `*.` and a domain name for every name below it. */
export const domainPattern = () =>
  text({
    max: 255,
    pattern: new RegExp(`^(\\*\\.)?${DOMAIN}$`),
    says: 'must be a domain name such as example.com, or *.example.com for every name below it',
  });

/** A mailbox that reports go to. */
export const mailbox = () =>
  text({
    max: 320,
    pattern: new RegExp(`^[A-Za-z0-9.!#$%&'*+/=?^_\`{|}~-]{1,64}@${DOMAIN}$`),
    says: 'must be a mail address such as postmaster@example.com',
  });

const addressIsShortest: Rule<string> = {
  cel: 'isIP(self) && ip.isCanonical(self)',
  message: 'must be an IP address in its shortest form, such as 192.0.2.1 or 2001:db8::1',
  holds: isShortestAddress,
};

export const ipAddress = () => ruled(text({ max: 45 }), addressIsShortest);

function isShortestAddress(address: string): boolean {
  return isPlainAddress(address) && (isIP(address) === 4 || shortest(address) === address);
}

/** Not with a zone (`fe80::1%eth0`), nor IPv4 in IPv6 clothes (`::ffff:192.0.2.1`): the API server refuses both. */
function isPlainAddress(address: string): boolean {
  if (isIP(address) !== 6) return isIP(address) === 4;
  return !/[%.]/.test(address) && !/^::ffff:[^:]+:[^:]+$/.test(shortest(address));
}

const shortest = (address: string): string => URL.parse(`http://[${address}]/`)?.hostname.slice(1, -1) ?? '';

const networkIsCidr: Rule<string> = {
  cel: 'isCIDR(self)',
  message: 'must be a network in CIDR form, such as 192.0.2.0/24 or 2001:db8::/32',
  holds: isCidr,
};

/** Up to `max` networks. */
export const networks = (max = 64) => list(ruled(text({ max: 49 }), networkIsCidr), max);

function isCidr(network: string): boolean {
  const [address = '', length = '', ...rest] = network.split('/');
  if (rest.length > 0 || !isPlainAddress(address) || !/^(0|[1-9]\d{0,2})$/.test(length)) return false;
  return Number(length) <= (isIP(address) === 4 ? 32 : 128);
}

const resolverHasAddress: Rule<string> = {
  cel: String.raw`isIP(self.matches('^[^:]+:[0-9]+$') ? self.split(':')[0] : self.replace('[', '').split(']')[0])`,
  message:
    'must be the IP address of a resolver, with a port if it is not 53: 192.0.2.53, 192.0.2.53:5353, [2001:db8::53]:53',
  holds: (resolver) =>
    isIP(/^[^:]+:\d+$/.test(resolver) ? (resolver.split(':')[0] ?? '') : unbracketed(resolver)) !== 0,
};

/** An IP address with an optional port. */
export const resolverAddress = () =>
  ruled(
    text({
      max: 53,
      pattern: new RegExp(`^([0-9.]+(:${PORT})?|[0-9a-f:]+|\\[[0-9a-f:]+\\](:${PORT})?)$`),
      says: resolverHasAddress.message,
    }),
    resolverHasAddress,
  );

const unbracketed = (resolver: string): string => resolver.replace('[', '').split(']')[0] ?? '';

/** A host to connect to: a domain name or an IP address. */
export const host = () =>
  text({
    max: 253,
    pattern: new RegExp(`^(${DOMAIN}|[0-9a-f:]*:[0-9a-f:]+)$`),
    says: 'must be a domain name or an IP address without brackets',
  });

/** `scheme://host:port` without user, password or path: those are secrets and have references of their own. */
export const serverUrl = (...schemes: readonly string[]) =>
  text({
    max: 300,
    pattern: new RegExp(`^(${schemes.join('|')})://(${DOMAIN}|\\[[0-9a-f:]+\\])(:${PORT})?$`),
    says: `must be ${schemes.map((scheme) => `${scheme}://host:port`).join(' or ')} without user, password or path`,
  });

/** `https://host/path`. What is secret has no place in it: header fields have a reference of their own. */
export const webUrl = () =>
  text({
    max: 2000,
    pattern: new RegExp(`^https://(${DOMAIN}|\\[[0-9a-f:]+\\])(:${PORT})?(/[!-~]*)?$`),
    says: 'must be https://host with a path, such as https://hooks.example.com/mail, without user or password',
  });
