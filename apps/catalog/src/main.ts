import { main, runService } from '@sluice/service';
import { CatalogModule } from './catalog.module.js';

main(() => runService('catalog', CatalogModule));
