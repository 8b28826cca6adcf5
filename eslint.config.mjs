// @ts-check
/**
 * Rules that keep the house in shape: which package may import which (test/lint proves that they bite), no `any`, no forgotten
 * promise, no environment in plugins. Formatting is Prettier's.
 */
import js from '@eslint/js';
import nx from '@nx/eslint-plugin';
import { createProjectGraphAsync } from '@nx/devkit';
import prettier from 'eslint-config-prettier';
import tseslint from 'typescript-eslint';

// The boundary rule reads Nx's cached project graph and skips itself in silence when there is none.
process.env.NX_DAEMON = 'false';
await createProjectGraphAsync({ exitOnError: false, resetDaemonClient: false });

const infrastructure = ['@nestjs/*', '@nats-io/*'];

/**
 * Who may import whom, by the tags in each package.json.
 * @param {string[]} extra tags that are open to this kind of file
 */
const boundaries = (extra) => {
  const may = (/** @type {string[]} */ ...tags) => [...tags, ...extra];
  /** @param {string} app @param {string[]} tags */
  const app = (app, tags) => ({
    allSourceTags: ['layer:app', `app:${app}`],
    onlyDependOnLibsWithTags: may('layer:service', 'layer:messages', ...tags),
  });
  return {
    allow: [],
    banTransitiveDependencies: true,
    enforceBuildableLibDependency: false,
    depConstraints: [
      {
        sourceTag: 'layer:sdk',
        onlyDependOnLibsWithTags: may(),
        ...(extra.length === 0 && { allowedExternalImports: ['@standard-schema/spec'] }),
      },
      { sourceTag: 'layer:kit', onlyDependOnLibsWithTags: may('layer:sdk', 'layer:support') },
      { sourceTag: 'layer:support', onlyDependOnLibsWithTags: may('layer:sdk', 'layer:support') },
      {
        sourceTag: 'layer:plugin',
        onlyDependOnLibsWithTags: may('layer:sdk', 'layer:support'),
        bannedExternalImports: [...infrastructure, 'rxjs', 'pino'],
      },
      {
        sourceTag: 'layer:engine',
        onlyDependOnLibsWithTags: may('layer:sdk', 'layer:support'),
        bannedExternalImports: infrastructure,
      },
      { sourceTag: 'layer:host', onlyDependOnLibsWithTags: may('layer:sdk', 'layer:support') },
      { sourceTag: 'layer:messages', onlyDependOnLibsWithTags: may('layer:sdk') },
      { sourceTag: 'layer:service', onlyDependOnLibsWithTags: may('layer:messages', 'layer:sdk') },
      app('gateway', []),
      app('scheduler', []),
      app('catalog', ['layer:host', 'layer:sdk']),
      app('runner', ['layer:engine', 'layer:host', 'layer:sdk']),
      { sourceTag: 'layer:test', onlyDependOnLibsWithTags: ['*'] },
      { sourceTag: 'layer:tool', onlyDependOnLibsWithTags: ['*'] },
    ],
  };
};

const deepImport = {
  group: ['@sluice/*/*', '!@sluice/*/package.json'],
  message: 'Import what the package exports; its folders are its own business.',
};

const environment = [
  {
    object: 'process',
    property: 'env',
    message: 'Plugins and libraries read no environment: take settings from the configuration or the context.',
  },
];

export default tseslint.config(
  {
    ignores: [
      '**/dist/',
      '**/node_modules/',
      '.nx/',
      '.sluice/',
      'coverage/',
      'test/lint/fixtures/',
      '**/*.generated.*',
    ],
  },
  js.configs.recommended,
  {
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: { eqeqeq: ['error', 'always', { null: 'ignore' }] },
  },
  {
    files: ['**/*.{js,cjs,mjs}'],
    languageOptions: { sourceType: 'module', ecmaVersion: 2024 },
    rules: {
      'no-undef': 'off', // the type checker knows
      'no-unused-vars': ['error', { argsIgnorePattern: '^_', caughtErrors: 'none', ignoreRestSiblings: true }],
    },
  },
  { files: ['**/*.cjs'], languageOptions: { sourceType: 'commonjs' } },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.recommended],
    plugins: { '@nx': nx },
    languageOptions: { parserOptions: { project: ['./tsconfig.check.json'], tsconfigRootDir: import.meta.dirname } },
    rules: {
      '@nx/enforce-module-boundaries': ['error', boundaries([])],
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': [
        'error',
        { checksVoidReturn: { attributes: false, arguments: false } },
      ],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/only-throw-error': ['error', { allowThrowingUnknown: true }],
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      'no-restricted-imports': ['error', { patterns: [deepImport] }],
      'no-restricted-syntax': [
        'error',
        {
          selector:
            "BinaryExpression[operator='+'][right.type!=/^(Literal|TemplateLiteral)$/] > Literal[value=/^\\s*(SELECT|INSERT|UPDATE|DELETE|CREATE|DROP|ALTER|TRUNCATE)\\s/]",
          message: 'Do not add values to SQL: identifiers go through a quoting function, values are parameters.',
        },
      ],
    },
  },
  {
    files: [
      'plugins/**/src/**/*.ts',
      'libs/{connector-sdk,connector-kit,encodings,sql,declarative,engine}/src/**/*.ts',
    ],
    ignores: ['**/*.test.ts'],
    rules: { 'no-restricted-properties': ['error', ...environment], 'no-console': 'error' },
  },
  {
    files: ['libs/engine/src/**/*.ts'],
    rules: {
      'no-restricted-imports': [
        'error',
        { patterns: [deepImport], paths: [{ name: '@sluice/sql', message: 'The engine knows encodings, not SQL.' }] },
      ],
    },
  },
  {
    files: ['**/*.test.ts', '**/test/**/*.ts', 'plugins/*/bench/**/*.ts'],
    rules: { '@nx/enforce-module-boundaries': ['error', boundaries(['layer:kit', 'layer:test'])] },
  },
  prettier,
);
