import { bundleFunctions } from '../lib/bundle.ts';
import { celeriacApp } from '../lib/celeriac-app.ts';

// The `cdk` command says where it wants the result; run by hand, `node bin/celeriac.ts` puts it where `cdk` would.
celeriacApp({ bundles: await bundleFunctions(), outdir: process.env.CDK_OUTDIR ?? 'cdk.out' }).synth();
