import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * What a deleted pipeline left at an endpoint, to be removed by a runner. A 'retired' endpoint is one that its owner has deleted
 * and that such an order still needs: no request finds it, and it goes with its secrets when the last order has ended.
 */
const up = `
CREATE TABLE drop_order (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id text NOT NULL,
  pipeline_id uuid NOT NULL,
  pipeline_name text NOT NULL,
  endpoint_id uuid NOT NULL,
  -- those that are left to remove
  lanes text[] NOT NULL,
  status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'given-up')),
  failures integer NOT NULL DEFAULT 0,
  last_failure text,
  due_at timestamptz(3) NOT NULL DEFAULT now(),
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  CONSTRAINT drop_order_once UNIQUE (pipeline_id, endpoint_id)
);
CREATE INDEX drop_order_due ON drop_order (due_at) WHERE status = 'pending';
CREATE INDEX drop_order_endpoint ON drop_order (tenant_id, endpoint_id);

ALTER TABLE endpoint DROP CONSTRAINT endpoint_role_check, ADD CONSTRAINT endpoint_role_check
  CHECK (role IN ('source', 'destination', 'retired-source', 'retired-destination'));

INSERT INTO drop_order (tenant_id, pipeline_id, pipeline_name, endpoint_id, lanes)
SELECT r.tenant_id, r.pipeline_id, max(r.pipeline_name), r.destination_id,
  array_agg(DISTINCT r.pipeline_id || '/' || r.mode || '/' || s.stream)
FROM outbox o
JOIN run r ON r.tenant_id = o.tenant_id AND r.pipeline_id = (o.body->>'pipelineId')::uuid
JOIN run_stream s ON s.run_id = r.id
JOIN endpoint e ON e.tenant_id = r.tenant_id AND e.id = r.destination_id
WHERE o.kind = 'pipeline-dropped'
GROUP BY r.tenant_id, r.pipeline_id, r.destination_id;
DELETE FROM outbox WHERE kind = 'pipeline-dropped';
ALTER TABLE outbox DROP CONSTRAINT outbox_kind_check, ADD CONSTRAINT outbox_kind_check CHECK (kind = 'run-start');
`;

const down = `
DELETE FROM endpoint WHERE role LIKE 'retired-%';
ALTER TABLE endpoint DROP CONSTRAINT endpoint_role_check, ADD CONSTRAINT endpoint_role_check
  CHECK (role IN ('source', 'destination'));
ALTER TABLE outbox DROP CONSTRAINT outbox_kind_check, ADD CONSTRAINT outbox_kind_check
  CHECK (kind IN ('run-start', 'pipeline-dropped'));
DROP TABLE drop_order;
`;

export class DropOrders1763800000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(up);
  }
  async down(runner: QueryRunner): Promise<void> {
    await runner.query(down);
  }
}
