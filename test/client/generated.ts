// @ts-nocheck
/**
 * Postfleet
 * v1
 * DO NOT MODIFY - This file has been generated using oazapfts.
 * See https://www.npmjs.com/package/oazapfts
 */
import * as Oazapfts from "@oazapfts/runtime";
import * as QS from "@oazapfts/runtime/query";
export const defaults: Oazapfts.Defaults<Oazapfts.CustomHeaders> = {
    headers: {},
    baseUrl: "/"
};
const oazapfts = Oazapfts.runtime(defaults);
export const servers = {};
export type Message = {
    /** The author; also the envelope sender. Its domain is a SendingDomain of the credential. */
    "from": {
        /** Mail address, such as ann@example.com. */
        address: string;
        /** Display name, as people read it. */
        name?: string;
    };
    /** Recipients, shown to all. */
    to?: {
        /** Mail address, such as ann@example.com. */
        address: string;
        /** Display name, as people read it. */
        name?: string;
    }[];
    /** More recipients, shown to all. */
    cc?: {
        /** Mail address, such as ann@example.com. */
        address: string;
        /** Display name, as people read it. */
        name?: string;
    }[];
    /** Recipients that nobody is shown. */
    bcc?: {
        /** Mail address, such as ann@example.com. */
        address: string;
        /** Display name, as people read it. */
        name?: string;
    }[];
    /** Where answers go; to the author when absent. */
    replyTo?: {
        /** Mail address, such as ann@example.com. */
        address: string;
        /** Display name, as people read it. */
        name?: string;
    }[];
    /** The subject. */
    subject?: string;
    /** The message as plain text. */
    text?: string;
    /** The message as HTML. */
    html?: string;
    /** More header fields. Not those that this request or Postfleet itself writes. */
    headers?: {
        [key: string]: string;
    };
    /** Files. */
    attachments?: {
        /** Name of the file. */
        filename: string;
        /** Its media type; not multipart/ or message/. */
        contentType?: string;
        /** Its bytes, in base64. */
        content: string;
        /** For a picture within the HTML: it is shown where the HTML says cid: and this. */
        contentId?: string;
    }[];
    /** Words to find the message by; told in its events, never sent. */
    tags?: string[];
    /** The sender's own facts; told in its events, never sent. */
    metadata?: {
        [key: string]: string;
    };
    /** bulk waits for the other mail of the tenant: at most every fifth turn while there is any. */
    priority?: "transactional" | "bulk";
    /** Nothing is sent before this moment, at most 72 hours from now; one that has passed means at once. */
    sendAt?: string;
    /** Seconds after which it is given up, counted from sendAt; at most what the MTACluster allows. */
    expireAfter?: number;
};
export type Accepted = {
    id: string;
    recipients: {
        id: string;
        address: string;
    }[];
    suppressed?: {
        address: string;
        reason: string;
    }[];
};
export type Problem = {
    "type"?: string;
    title: string;
    status: number;
    detail: string;
    errors?: {
        pointer: string;
        detail: string;
    }[];
};
export type Results = {
    results: {
        status: number;
        id?: string;
    }[];
};
export type Event = {
    v: number;
    /** Milliseconds since 1970. */
    at: number;
    "type": "queued" | "delivered" | "deferred" | "bounced" | "expired" | "cancelled" | "set-aside" | "bounced-later" | "complained" | "returned";
    message: string;
    /** Of the recipient in the message. */
    index: number;
    sender: string;
    recipient: string;
    /** What was said, in one line. */
    reply: string;
    attempt: number;
    /** For deferred: when it is tried again, in milliseconds since 1970. */
    due?: number;
    /** The trace the message belongs to (W3C Trace Context), where it has one. */
    traceparent?: string;
};
export type Status = {
    id: string;
    /** Nothing is sent before; absent: at once. */
    sendAt?: string;
    recipients: {
        id: string;
        address: string;
        state: "queued" | "delivered" | "deferred" | "bounced" | "expired" | "cancelled" | "set-aside" | "bounced-later" | "complained";
    }[];
    events: Event[];
};
export type Cancelled = {
    id: string;
    recipients: {
        id: string;
        address: string;
        result: "cancelled" | "underWay" | "ended";
    }[];
};
export type Returned = {
    id: string;
    returned: {
        /** Milliseconds since 1970. */
        at: number;
        message?: string;
        recipient: string;
        /** How it was read. */
        report: "dsn" | "arf" | "auto-reply" | "other";
        /** Who handed it in. */
        host: string;
        /** What told which message it is about. */
        foundBy?: "return-path" | "headers";
        caused?: Event;
        /** Its front, in base64, with CRLF for whatever line ends it had. */
        copy?: string;
    }[];
};
export type Domain = {
    resource: string;
    domain: string;
    standing: "verified" | "unverified" | "excused" | "claimed-by-another";
    verifiedAt?: number;
    checkedAt?: number;
    conditions: {
        "type": string;
        status: "True" | "False" | "Unknown";
        reason: string;
        message: string;
    }[];
    records: {
        purpose: "DKIM" | "SPF" | "ReturnPath" | "DMARC";
        "type": "TXT" | "MX";
        name: string;
        expected: string[];
        found: string[];
        difference: string;
        state: "Present" | "Missing" | "Differs" | "Unknown";
    }[];
};
export type Suppression = {
    address?: string;
    domain?: string;
    reason: string;
    source: string;
    createdAt: string;
    expiresAt?: string;
};
export type SuppressionPage = {
    suppressions: Suppression[];
    next?: string;
};
export type NewSuppression = {
    /** The address; or domain instead. */
    address?: string;
    /** The domain, for all of its addresses. */
    domain?: string;
    /** Why. */
    reason?: "invalid-address" | "mailbox-unavailable" | "complaint" | "unsubscribe" | "manual";
    /** From then on it does not count; absent: it always does. */
    expiresAt?: string;
};
export type SuppressionCount = {
    count: number;
};
/**
 * Hands in one message. 202: it is on disk, for all its recipients.
 */
export function submitMessage(message: Message, { idempotencyKey, traceparent, to, $from }: {
    idempotencyKey?: string;
    traceparent?: string;
    to?: string[];
    $from?: string;
} = {}, opts?: Oazapfts.RequestOpts) {
    return oazapfts.fetchJson<{
        status: 202;
        data: Accepted;
    } | {
        status: 400;
        data: Problem;
    } | {
        status: 401;
        data: Problem;
    } | {
        status: 403;
        data: Problem;
    } | {
        status: 409;
        data: Problem;
    } | {
        status: 413;
        data: Problem;
    } | {
        status: 415;
        data: Problem;
    } | {
        status: 422;
        data: Problem;
    } | {
        status: 429;
        data: Problem;
    } | {
        status: 503;
        data: Problem;
    } | {
        status: 507;
        data: Problem;
    }>(`/v1/messages${QS.query(QS.explode({
        to,
        "from": $from
    }))}`, oazapfts.json({
        ...opts,
        method: "POST",
        body: message,
        headers: oazapfts.mergeHeaders(opts?.headers, {
            "Idempotency-Key": idempotencyKey,
            traceparent
        })
    }));
}
/**
 * Hands in several messages, each with a result of its own, in the same order.
 */
export function submitMessages(body: Message[], { idempotencyKey, traceparent }: {
    idempotencyKey?: string;
    traceparent?: string;
} = {}, opts?: Oazapfts.RequestOpts) {
    return oazapfts.fetchJson<{
        status: 200;
        data: Results;
    } | {
        status: 400;
        data: Problem;
    } | {
        status: 401;
        data: Problem;
    } | {
        status: 403;
        data: Problem;
    } | {
        status: 409;
        data: Problem;
    } | {
        status: 413;
        data: Problem;
    } | {
        status: 415;
        data: Problem;
    } | {
        status: 422;
        data: Problem;
    } | {
        status: 429;
        data: Problem;
    } | {
        status: 503;
        data: Problem;
    } | {
        status: 507;
        data: Problem;
    }>("/v1/messages/batch", oazapfts.json({
        ...opts,
        method: "POST",
        body,
        headers: oazapfts.mergeHeaders(opts?.headers, {
            "Idempotency-Key": idempotencyKey,
            traceparent
        })
    }));
}
/**
 * Where each recipient of a message stands, and every event. Needs scope Events.
 */
export function showMessage(id: string, opts?: Oazapfts.RequestOpts) {
    return oazapfts.fetchJson<{
        status: 200;
        data: Status;
    } | {
        status: 401;
        data: Problem;
    } | {
        status: 403;
        data: Problem;
    } | {
        status: 404;
        data: Problem;
    }>(`/v1/messages/${encodeURIComponent(id)}`, {
        ...opts
    });
}
/**
 * Cancels a message for every recipient that nothing is being sent to. Harmless to ask again.
 */
export function cancelMessage(id: string, opts?: Oazapfts.RequestOpts) {
    return oazapfts.fetchJson<{
        status: 200;
        data: Cancelled;
    } | {
        status: 202;
        data: Cancelled;
    } | {
        status: 401;
        data: Problem;
    } | {
        status: 403;
        data: Problem;
    } | {
        status: 404;
        data: Problem;
    } | {
        status: 409;
        data: Problem;
    }>(`/v1/messages/${encodeURIComponent(id)}`, {
        ...opts,
        method: "DELETE"
    });
}
/**
 * What came back for a message, how it was read and what it caused. Needs scope Events.
 */
export function showReturned(id: string, opts?: Oazapfts.RequestOpts) {
    return oazapfts.fetchJson<{
        status: 200;
        data: Returned;
    } | {
        status: 401;
        data: Problem;
    } | {
        status: 403;
        data: Problem;
    } | {
        status: 404;
        data: Problem;
    }>(`/v1/messages/${encodeURIComponent(id)}/returned`, {
        ...opts
    });
}
/**
 * How a sending domain stands in DNS: each record to publish, what was found, and what to change.
 */
export function showDomain(name: string, opts?: Oazapfts.RequestOpts) {
    return oazapfts.fetchJson<{
        status: 200;
        data: Domain;
    } | {
        status: 401;
        data: Problem;
    } | {
        status: 403;
        data: Problem;
    } | {
        status: 404;
        data: Problem;
    }>(`/v1/domains/${encodeURIComponent(name)}`, {
        ...opts
    });
}
/**
 * The tenant's suppressions, page by page; all of them with Accept: text/csv. Needs scope Suppressions.
 */
export function listSuppressions({ limit, after, address }: {
    limit?: number;
    after?: string;
    address?: string;
} = {}, opts?: Oazapfts.RequestOpts) {
    return oazapfts.fetchJson<{
        status: 200;
        data: SuppressionPage;
    } | {
        status: 401;
        data: Problem;
    } | {
        status: 403;
        data: Problem;
    } | {
        status: 422;
        data: Problem;
    } | {
        status: 503;
        data: Problem;
    } | {
        status: 507;
        data: Problem;
    }>(`/v1/suppressions${QS.query(QS.explode({
        limit,
        after,
        address
    }))}`, {
        ...opts
    });
}
/**
 * Adds many. All of them or, when any is wrong, none; those that are there and last longer stay as they are.
 */
export function addSuppressions(body: NewSuppression[], opts?: Oazapfts.RequestOpts) {
    return oazapfts.fetchJson<{
        status: 200;
        data: SuppressionCount;
    } | {
        status: 400;
        data: Problem;
    } | {
        status: 401;
        data: Problem;
    } | {
        status: 403;
        data: Problem;
    } | {
        status: 413;
        data: Problem;
    } | {
        status: 415;
        data: Problem;
    } | {
        status: 422;
        data: Problem;
    } | {
        status: 503;
        data: Problem;
    } | {
        status: 507;
        data: Problem;
    }>("/v1/suppressions", oazapfts.json({
        ...opts,
        method: "POST",
        body
    }));
}
/**
 * The entry of exactly this address or domain.
 */
export function showSuppression(subject: string, opts?: Oazapfts.RequestOpts) {
    return oazapfts.fetchJson<{
        status: 200;
        data: Suppression;
    } | {
        status: 401;
        data: Problem;
    } | {
        status: 403;
        data: Problem;
    } | {
        status: 404;
        data: Problem;
    } | {
        status: 503;
        data: Problem;
    } | {
        status: 507;
        data: Problem;
    }>(`/v1/suppressions/${encodeURIComponent(subject)}`, {
        ...opts
    });
}
/**
 * Writes one entry, in place of what was there. The body may be empty.
 */
export function putSuppression(subject: string, newSuppression?: NewSuppression, opts?: Oazapfts.RequestOpts) {
    return oazapfts.fetchJson<{
        status: 200;
        data: Suppression;
    } | {
        status: 400;
        data: Problem;
    } | {
        status: 401;
        data: Problem;
    } | {
        status: 403;
        data: Problem;
    } | {
        status: 422;
        data: Problem;
    } | {
        status: 503;
        data: Problem;
    } | {
        status: 507;
        data: Problem;
    }>(`/v1/suppressions/${encodeURIComponent(subject)}`, oazapfts.json({
        ...opts,
        method: "PUT",
        body: newSuppression
    }));
}
/**
 * Removes one entry, and answers what it was.
 */
export function removeSuppression(subject: string, opts?: Oazapfts.RequestOpts) {
    return oazapfts.fetchJson<{
        status: 200;
        data: Suppression;
    } | {
        status: 401;
        data: Problem;
    } | {
        status: 403;
        data: Problem;
    } | {
        status: 404;
        data: Problem;
    } | {
        status: 503;
        data: Problem;
    } | {
        status: 507;
        data: Problem;
    }>(`/v1/suppressions/${encodeURIComponent(subject)}`, {
        ...opts,
        method: "DELETE"
    });
}
