import type { FunctionSpec } from '../../template/deployment.ts';
import { REGION } from '../../template/physical.ts';

/**
 * The environment of a sandbox: what Lambda sets, what the template sets, and where the emulators are. Of the
 * developer's own environment only PATH gets in. HOME is a place that does not exist, as on Lambda: the SDK looks there for
 * settings, and without HOME it would find the developer's own, or fail for a user without a home.
 *
 * @param endpoints `AWS_ENDPOINT_URL…`, which the SDK reads by itself
 */
export function sandboxEnvironment(
  { name, codeDir, handler, memoryMb, environment }: FunctionSpec,
  endpoints: Readonly<Record<string, string>>,
): Record<string, string> {
  return {
    PATH: process.env.PATH ?? '',
    LANG: 'en_US.UTF-8',
    TZ: 'UTC',
    HOME: '/home/sbx_user1051',
    AWS_REGION: REGION,
    AWS_DEFAULT_REGION: REGION,
    // The runtime puts its own in their place.
    AWS_ACCESS_KEY_ID: 'none',
    AWS_SECRET_ACCESS_KEY: 'none',
    AWS_SESSION_TOKEN: 'none',
    AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs24.x',
    AWS_LAMBDA_FUNCTION_NAME: name,
    AWS_LAMBDA_FUNCTION_VERSION: '$LATEST',
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memoryMb),
    AWS_LAMBDA_INITIALIZATION_TYPE: 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: `/aws/lambda/${name}`,
    AWS_LAMBDA_LOG_STREAM_NAME: 'local',
    LAMBDA_TASK_ROOT: codeDir,
    _HANDLER: handler,
    ...environment,
    // The template names S3's address in the region.
    ...endpoints,
  };
}
