import { main, runService } from '@sluice/service';
import { RunnerModule } from './runner.module.js';

main(() => runService('runner', RunnerModule));
