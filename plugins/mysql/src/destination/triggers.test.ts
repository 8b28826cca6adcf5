import { grantsTriggers } from './grants.js';
import { bodyOf } from './triggers.js';

const at = ['shop_1', 'orders'];
test.each<[string, readonly string[], boolean]>([
  ['everything', ['GRANT ALL PRIVILEGES ON *.* TO `u`@`%` WITH GRANT OPTION'], true],
  ['the right everywhere', ['GRANT SELECT, TRIGGER ON *.* TO `u`@`%`'], true],
  ['no more than login', ['GRANT USAGE ON *.* TO `u`@`%`'], false],
  ['the database', ['GRANT USAGE ON *.* TO `u`@`%`', 'GRANT SELECT, TRIGGER ON `shop_1`.* TO `u`@`%`'], true],
  ['the database, escaped', ['GRANT TRIGGER ON `shop\\_1`.* TO `u`@`%`'], true],
  ['databases that begin so', ['GRANT ALL PRIVILEGES ON `shop%`.* TO `u`@`%`'], true],
  [
    'another database',
    ['GRANT ALL PRIVILEGES ON `shop\\_2`.* TO `u`@`%`', 'GRANT TRIGGER ON `shop`.* TO `u`@`%`'],
    false,
  ],
  ['a dot is a dot', ['GRANT TRIGGER ON `shop.1`.* TO `u`@`%`'], false],
  ['the table', ['GRANT TRIGGER ON `shop_1`.`orders` TO `u`@`%`'], true],
  ['another table', ['GRANT TRIGGER ON `shop_1`.`lines` TO `u`@`%`'], false],
  ['other rights', ['GRANT SELECT, INSERT, DROP ON `shop_1`.* TO `u`@`%`'], false],
  ['taken back', ['GRANT TRIGGER ON *.* TO `u`@`%`', 'REVOKE TRIGGER ON `shop_1`.* FROM `u`@`%`'], false],
])('a user with %s', (_, grants, sees) => expect(grantsTriggers(grants, at)).toBe(sees));

const head = 'CREATE DEFINER=`u`@`h` trigger t before insert on orders for each row ';
test.each([
  ['as it is', head, `SET NEW.a = 'é'`, `SET NEW.a = 'é'`, 'utf8mb4', `SET NEW.a = 'é'`],
  [
    'with a character that the catalogue cannot show',
    head,
    `SET NEW.a = '😀'`,
    `SET NEW.a = '?'`,
    'utf8mb4',
    `SET NEW.a = '😀'`,
  ],
  ['another text', head, `SET NEW.a = 'x'`, `SET NEW.a = 'y'`, 'utf8mb4', undefined],
  ['letters beyond ASCII in another character set', head, `SET NEW.a = 'é'`, `SET NEW.a = 'é'`, 'latin1', undefined],
  ['ASCII in another character set', head, 'SET NEW.a = 1', 'SET NEW.a = 1', 'latin1', 'SET NEW.a = 1'],
  ['two events', head.replace('insert', 'insert or update'), 'SET NEW.a = 1', 'SET NEW.a = 1', 'utf8mb4', undefined],
  ['nothing', head, '', '', 'utf8mb4', undefined],
])('the body of a trigger: %s', (_, header, body, shown, charset, expected) =>
  expect(bodyOf(header + body, shown, charset)).toBe(expected),
);
