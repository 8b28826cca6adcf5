import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Everything a tenant owns carries its id, and references between such rows include it: a row of one tenant cannot point at
 * a row of another, whatever the code does (Invariant 11).
 */
const up = `
CREATE SEQUENCE fence;

CREATE TABLE tenant (
  id text PRIMARY KEY,
  name text NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now()
);

CREATE TABLE api_key (
  id uuid PRIMARY KEY,
  tenant_id text NOT NULL REFERENCES tenant,
  name text NOT NULL,
  prefix text NOT NULL,
  hash text NOT NULL CONSTRAINT api_key_hash UNIQUE,
  permissions text[] NOT NULL,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  expires_at timestamptz(3),
  revoked_at timestamptz(3),
  last_used_at timestamptz(3)
);
CREATE INDEX api_key_tenant ON api_key (tenant_id, created_at);

CREATE TABLE endpoint (
  id uuid PRIMARY KEY,
  tenant_id text NOT NULL REFERENCES tenant,
  role text NOT NULL CHECK (role IN ('source', 'destination')),
  name text NOT NULL,
  description text,
  connector_type text NOT NULL,
  config jsonb NOT NULL,
  version integer NOT NULL DEFAULT 1,
  status text NOT NULL DEFAULT 'untested' CHECK (status IN ('untested', 'ok', 'failed')),
  findings jsonb NOT NULL DEFAULT '[]',
  last_tested_at timestamptz(3),
  discovery_id uuid,
  discovered_at timestamptz(3),
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  CONSTRAINT endpoint_owner UNIQUE (tenant_id, id),
  CONSTRAINT endpoint_name UNIQUE (tenant_id, role, name)
);

CREATE TABLE secret (
  tenant_id text NOT NULL,
  endpoint_id uuid NOT NULL,
  version integer NOT NULL,
  key_id text NOT NULL,
  wrapped bytea NOT NULL,
  sealed bytea NOT NULL,
  PRIMARY KEY (tenant_id, endpoint_id),
  FOREIGN KEY (tenant_id, endpoint_id) REFERENCES endpoint (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX secret_key ON secret (key_id);

CREATE TABLE stream (
  tenant_id text NOT NULL,
  endpoint_id uuid NOT NULL,
  discovery_id uuid NOT NULL,
  id text COLLATE "C" NOT NULL,
  body jsonb NOT NULL,
  bytes integer NOT NULL,
  PRIMARY KEY (discovery_id, id),
  FOREIGN KEY (tenant_id, endpoint_id) REFERENCES endpoint (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX stream_owner ON stream (tenant_id, endpoint_id);

CREATE TABLE probe (
  hash text PRIMARY KEY,
  tenant_id text NOT NULL,
  endpoint_id uuid NOT NULL,
  discovery_id uuid,
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  expires_at timestamptz(3) NOT NULL,
  redeemed_at timestamptz(3),
  FOREIGN KEY (tenant_id, endpoint_id) REFERENCES endpoint (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX probe_owner ON probe (tenant_id, endpoint_id);

CREATE TABLE pipeline (
  id uuid PRIMARY KEY,
  tenant_id text NOT NULL REFERENCES tenant,
  name text NOT NULL,
  source_id uuid NOT NULL,
  destination_id uuid,
  destination_type text NOT NULL,
  mode text NOT NULL CHECK (mode IN ('full', 'incremental', 'changes')),
  schedule jsonb,
  schedule_since timestamptz(3) NOT NULL DEFAULT now(),
  bindings jsonb,
  options jsonb NOT NULL DEFAULT '{}',
  status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'active', 'paused', 'error', 'archived')),
  generation bigint NOT NULL DEFAULT 1,
  last_sync_at timestamptz(3),
  last_due_at timestamptz(3),
  next_run_at timestamptz(3),
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  updated_at timestamptz(3) NOT NULL DEFAULT now(),
  CONSTRAINT pipeline_owner UNIQUE (tenant_id, id),
  CONSTRAINT pipeline_name UNIQUE (tenant_id, name),
  CONSTRAINT pipeline_source FOREIGN KEY (tenant_id, source_id) REFERENCES endpoint (tenant_id, id),
  CONSTRAINT pipeline_destination FOREIGN KEY (tenant_id, destination_id) REFERENCES endpoint (tenant_id, id)
);
CREATE INDEX pipeline_source ON pipeline (tenant_id, source_id);
CREATE INDEX pipeline_destination ON pipeline (tenant_id, destination_id);
CREATE INDEX pipeline_scheduled ON pipeline (id) WHERE schedule IS NOT NULL;

-- Runs outlive their pipeline: they are the record of what was moved.
CREATE TABLE run (
  id uuid PRIMARY KEY,
  tenant_id text NOT NULL REFERENCES tenant,
  pipeline_id uuid NOT NULL,
  pipeline_name text NOT NULL,
  source_type text NOT NULL,
  destination_id uuid NOT NULL,
  mode text NOT NULL,
  trigger text NOT NULL,
  status text NOT NULL DEFAULT 'pending'
    CHECK (status IN ('pending', 'running', 'cancelling', 'succeeded', 'partial', 'failed', 'cancelled')),
  -- false: failed in a retryable way, and nobody has decided yet whether another attempt follows
  settled boolean NOT NULL DEFAULT true,
  attempt integer NOT NULL DEFAULT 1,
  root_id uuid NOT NULL REFERENCES run,
  previous_id uuid REFERENCES run CONSTRAINT run_previous UNIQUE,
  next_id uuid REFERENCES run,
  generation bigint NOT NULL,
  phase text NOT NULL DEFAULT 'queued',
  fence bigint,
  runner_id text,
  lease_until timestamptz(3),
  not_before timestamptz(3),
  due_at timestamptz(3),
  sends integer NOT NULL DEFAULT 0,
  sent_at timestamptz(3),
  sent_seq bigint,
  event_seq bigint NOT NULL DEFAULT 0,
  rows_read bigint NOT NULL DEFAULT 0,
  rows_written bigint NOT NULL DEFAULT 0,
  rows_rejected bigint NOT NULL DEFAULT 0,
  bytes bigint NOT NULL DEFAULT 0,
  -- what runners that handed this attempt back had counted before
  checkpoints integer NOT NULL DEFAULT 0,
  estimated_rows bigint,
  error jsonb,
  cancel_requested_at timestamptz(3),
  created_at timestamptz(3) NOT NULL DEFAULT now(),
  started_at timestamptz(3),
  finished_at timestamptz(3),
  CONSTRAINT run_due UNIQUE (pipeline_id, due_at)
);
CREATE UNIQUE INDEX run_active ON run (pipeline_id) WHERE status IN ('pending', 'running', 'cancelling');
CREATE INDEX run_chain ON run (root_id, attempt);
CREATE INDEX run_roots ON run (tenant_id, (coalesce(started_at, created_at))) WHERE attempt = 1;
CREATE INDEX run_pipeline ON run (pipeline_id, created_at);
CREATE INDEX run_pending ON run (created_at) WHERE status = 'pending';
CREATE INDEX run_leased ON run (lease_until) WHERE status IN ('running', 'cancelling');
CREATE INDEX run_unsettled ON run (pipeline_id) WHERE NOT settled;

CREATE TABLE run_stream (
  run_id uuid NOT NULL REFERENCES run ON DELETE CASCADE,
  -- each runner that held the attempt has counts of its own
  fence bigint NOT NULL,
  stream text COLLATE "C" NOT NULL,
  status text NOT NULL,
  rows_read bigint NOT NULL,
  rows_written bigint NOT NULL,
  rows_rejected bigint NOT NULL,
  bytes bigint NOT NULL,
  estimated_rows bigint,
  error jsonb,
  event_seq bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (run_id, fence, stream)
);

CREATE TABLE checkpoint (
  tenant_id text NOT NULL,
  pipeline_id uuid NOT NULL,
  lane text COLLATE "C" NOT NULL,
  run_id uuid NOT NULL,
  fence bigint NOT NULL,
  generation bigint NOT NULL,
  checkpoint jsonb NOT NULL,
  complete boolean NOT NULL,
  event_seq bigint NOT NULL,
  at timestamptz(3) NOT NULL,
  PRIMARY KEY (pipeline_id, lane),
  FOREIGN KEY (tenant_id, pipeline_id) REFERENCES pipeline (tenant_id, id) ON DELETE CASCADE
);

CREATE TABLE outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('run-start', 'pipeline-dropped')),
  run_id uuid REFERENCES run ON DELETE CASCADE,
  message_id text NOT NULL,
  subject text NOT NULL,
  body jsonb NOT NULL,
  available_at timestamptz(3) NOT NULL DEFAULT now(),
  created_at timestamptz(3) NOT NULL DEFAULT now()
);
CREATE INDEX outbox_due ON outbox (kind, available_at, id);
CREATE INDEX outbox_run ON outbox (run_id);

CREATE TABLE audit (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id text NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  subject_id text NOT NULL,
  at timestamptz(3) NOT NULL DEFAULT now(),
  before jsonb,
  after jsonb
);
CREATE INDEX audit_subject ON audit (tenant_id, subject_id, id);
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
  FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
`;

const down = `
DROP TABLE audit, outbox, checkpoint, run_stream, run, pipeline, probe, stream, secret, endpoint, api_key, tenant;
DROP FUNCTION audit_is_append_only;
DROP SEQUENCE fence;
`;

export class Initial1763700000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(up);
  }
  async down(runner: QueryRunner): Promise<void> {
    await runner.query(down);
  }
}
