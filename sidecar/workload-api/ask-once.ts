/** One question to a Workload API: does anybody answer? Asks for public keys only, so no secret comes along. */
import type { FailureKind } from './api.ts';
import { openWorkloadApi } from './client.ts';

interface AskOnceAnswer {
  readonly kind: 'identity' | FailureKind;
  /** What was said, in words. */
  readonly text: string;
}

/** Milliseconds; an agent answers at once, also when it has nothing for us. */
const deadlineMs = 3_000;

/**
 * Never rejects for want of an answer.
 * @throws {AppError} CONFIG_INVALID when the address is invalid
 */
export function askOnce(address: string): Promise<AskOnceAnswer> {
  const api = openWorkloadApi(address);
  return new Promise((resolve) => {
    const end = (answer: AskOnceAnswer): void => {
      clearTimeout(timer);
      cancel();
      api.close();
      resolve(answer);
    };
    const timer = setTimeout(() => {
      end({ kind: 'unavailable', text: `no answer within ${deadlineMs / 1000} s` });
    }, deadlineMs);
    const cancel = api.watchJwtBundles({
      onMessage: (bundles) => {
        const domains = [...bundles.keys()].join(', ');
        end({ kind: 'identity', text: `it answers, with keys of ${domains || 'no trust domain'}` });
      },
      onEnd: ({ kind, text }) => {
        const isWell = kind === 'no_identity';
        end({ kind, text: isWell ? 'it answers, and has no identity for this process' : text });
      },
    });
  });
}
