import { bundleFunctions } from '../lib/bundle.ts';
import { writeKindRegistry } from '../lib/kind-registry.ts';
import { celeriacApp } from '../lib/stacks/celeriac-app.ts';

// The `cdk` command says where it wants the result; run by hand, `node bin/celeriac.ts` puts it where `cdk` would.
// `npm start` says where the functions are built when the checkout cannot be written.
const { CDK_OUTDIR = 'cdk.out', BUNDLES_DIR } = process.env;
writeKindRegistry();
const bundles = await bundleFunctions(BUNDLES_DIR ? { outputRoot: BUNDLES_DIR } : {});
celeriacApp({ bundles, outdir: CDK_OUTDIR }).synth();
