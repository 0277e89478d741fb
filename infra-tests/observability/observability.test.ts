import { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import cdk from '../../cdk.json' with { type: 'json' };
import { ALARMED_METRICS, METRICS } from '../../functions/metrics.ts';
import { inventoryOf, type Template as Priced } from '../../lib/cost/inventory.ts';
import { mapFunctions } from '../../lib/functions.ts';
import { ALARMED_NAMES, METRIC_NAMES, PUBLISHED_METRICS } from '../../lib/metrics.ts';
import { AppStack } from '../../lib/stacks/app-stack.ts';
import { DataStack } from '../../lib/stacks/data-stack.ts';
import { STAGES, type Stage } from '../../lib/stages.ts';
import { temporary } from '../testing/synthesized.ts';

const SWITCHED: Stage['observability'][] = [
  { metrics: 'none', dashboard: false },
  { metrics: 'none', dashboard: true },
  { metrics: 'alarmed', dashboard: false },
  { metrics: 'alarmed', dashboard: true },
  { metrics: 'all', dashboard: false },
  { metrics: 'all', dashboard: true },
];

const NAMES = Object.keys(METRICS).toSorted();

const templates = SWITCHED.map((observability) => {
  const stage: Stage = { ...STAGES.dev, observability };
  const outdir = temporary(`observed-${observability.metrics}-${observability.dashboard}`);
  const app = new App({ outdir, context: cdk.context });
  const data = new DataStack(app, 'Data', { stage });
  const bundles = mapFunctions(() => import.meta.dirname);
  return Template.fromStack(new AppStack(app, 'App', { stage, data, bundles }));
});

const alarmsOf = (app: Template) =>
  Object.values(app.findResources('AWS::CloudWatch::Alarm')).map(({ Properties }) => Properties);
const ofFigures = ({ Namespace }: { Namespace?: string }) => Namespace === 'Celeriac';

test('the alarms, the dashboard and the bill have exactly the metrics that functions publish', () => {
  expect([...METRIC_NAMES].toSorted()).toEqual(NAMES);
  expect(ALARMED_NAMES.toSorted()).toEqual(ALARMED_METRICS.toSorted());
});

describe.each(SWITCHED.map((switched, index) => ({ ...switched, index })))(
  'with figures: $figures, dashboard: $dashboard',
  ({ metrics: figures, dashboard, index }) => {
    const app = templates[index] ?? Template.fromJSON({});
    const dashboards = app.findResources('AWS::CloudWatch::Dashboard');
    const body = JSON.stringify(dashboards);

    const published = PUBLISHED_METRICS[figures].toSorted();

    test('functions publish metrics only when the setting asks for them', () => {
      const said = Object.values(app.findResources('AWS::Lambda::Function')).flatMap(
        ({ Properties }) => Properties.Environment?.Variables?.METRICS ?? [],
      );
      expect(new Set(said)).toEqual(new Set([figures]));
    });

    test('alarms use exactly the published metrics, by their only dimension', () => {
      const listened = alarmsOf(app).filter(ofFigures);
      expect(listened.map(({ MetricName }) => MetricName).toSorted()).toEqual(
        figures === 'none' ? [] : ALARMED_NAMES.toSorted(),
      );
      for (const { Dimensions } of listened) expect(Dimensions).toEqual([{ Name: 'Stage', Value: 'dev' }]);
    });

    test('all other alarms exist', () => {
      const others = (template: Template) =>
        alarmsOf(template)
          .filter((alarm) => !ofFigures(alarm))
          .map(({ AlarmName }) => AlarmName);
      expect(others(app)).toEqual(templates[0] && others(templates[0]));
    });

    test('the dashboard is there if it is switched on, and so is its address', () => {
      expect(Object.keys(dashboards)).toHaveLength(dashboard ? 1 : 0);
      expect(Object.keys(app.findOutputs('DashboardUrl'))).toHaveLength(dashboard ? 1 : 0);
    });

    test('the dashboard begins with every alarm, and draws the published metrics', () => {
      const shown = Object.keys(app.findResources('AWS::CloudWatch::Alarm')).filter((id) =>
        body.includes(`"${id}"`),
      );
      expect(shown).toHaveLength(dashboard ? alarmsOf(app).length : 0);
      const drawn = [...body.matchAll(/\\"Celeriac\\",\\"(\w+)\\",\\"Stage\\",\\"dev\\"/g)];
      expect([...new Set(drawn.map(([, name]) => name))].toSorted()).toEqual(dashboard ? published : []);
    });

    test('every published metric is paid for, even without an alarm', () => {
      const { metrics, dashboards: count } = inventoryOf([app.toJSON() as Priced]);
      expect([metrics, count]).toEqual([published.length, dashboard ? 1 : 0]);
    });
  },
);
