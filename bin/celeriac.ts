import { bundleFunctions } from '../lib/bundle.ts';
import { writeKindRegistry } from '../lib/kind-registry.ts';
import { celeriacApp } from '../lib/stacks/celeriac-app.ts';

// The `cdk` command sets CDK_OUTDIR. The default for `node bin/celeriac.ts` is the directory that `cdk` uses. `npm start`
// sets BUNDLES_DIR when the checkout is read-only.
const { CDK_OUTDIR = 'cdk.out', BUNDLES_DIR } = process.env;
writeKindRegistry();
const bundles = await bundleFunctions(BUNDLES_DIR ? { outputRoot: BUNDLES_DIR } : {});
celeriacApp({ bundles, outdir: CDK_OUTDIR }).synth();
