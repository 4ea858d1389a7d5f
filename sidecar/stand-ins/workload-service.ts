/** The methods of the Workload API as grpc-js wants them: what is generated for our own client knows nothing of it. */
import type { handleServerStreamingCall, handleUnaryCall, MethodDefinition } from '@grpc/grpc-js';
import {
  SpiffeWorkloadAPIDefinition,
  type JWTBundlesRequest,
  type JWTBundlesResponse,
  type JWTSVIDRequest,
  type JWTSVIDResponse,
  type MessageFns,
  type ValidateJWTSVIDRequest,
  type ValidateJWTSVIDResponse,
  type X509BundlesRequest,
  type X509BundlesResponse,
  type X509SVIDRequest,
  type X509SVIDResponse,
} from '../gen/workload.ts';

const { fullName, methods } = SpiffeWorkloadAPIDefinition;

interface Generated<Request, Response> {
  readonly name: string;
  readonly requestType: MessageFns<Request>;
  readonly responseType: MessageFns<Response>;
  readonly responseStream: boolean;
}

function methodOf<Request, Response>(
  generated: Generated<Request, Response>,
): MethodDefinition<Request, Response> {
  const { name, requestType, responseType, responseStream } = generated;
  return {
    path: `/${fullName}/${name}`,
    requestStream: false,
    responseStream,
    requestSerialize: (message) => Buffer.from(requestType.encode(message).finish()),
    requestDeserialize: (bytes) => requestType.decode(bytes),
    responseSerialize: (message) => Buffer.from(responseType.encode(message).finish()),
    responseDeserialize: (bytes) => responseType.decode(bytes),
  };
}

export const workloadService = {
  fetchX509Svid: methodOf(methods.fetchX509SVID),
  fetchX509Bundles: methodOf(methods.fetchX509Bundles),
  fetchJwtsvid: methodOf(methods.fetchJWTSVID),
  fetchJwtBundles: methodOf(methods.fetchJWTBundles),
  validateJwtsvid: methodOf(methods.validateJWTSVID),
};

export interface WorkloadHandlers {
  readonly fetchX509Svid: handleServerStreamingCall<X509SVIDRequest, X509SVIDResponse>;
  readonly fetchX509Bundles: handleServerStreamingCall<X509BundlesRequest, X509BundlesResponse>;
  readonly fetchJwtsvid: handleUnaryCall<JWTSVIDRequest, JWTSVIDResponse>;
  readonly fetchJwtBundles: handleServerStreamingCall<JWTBundlesRequest, JWTBundlesResponse>;
  readonly validateJwtsvid: handleUnaryCall<ValidateJWTSVIDRequest, ValidateJWTSVIDResponse>;
}
